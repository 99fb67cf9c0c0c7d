{
  const lang = document.documentElement.lang;
  const own = (navigator.languages || []).find(l => l.split("-")[0] === lang) || lang;
  const format = new Intl.DateTimeFormat(own, {
    weekday: "long", year: "numeric", month: "long", day: "numeric",
    hour: "numeric", minute: "2-digit", timeZoneName: "long",
  });
  for (const e of document.querySelectorAll("time[datetime]"))
    e.textContent = format.format(new Date(e.dateTime));
}
