const all = (what, then) => document.querySelectorAll(what).forEach(then);
const lang = document.documentElement.lang;
const own = (navigator.languages || []).find(l => l.split("-")[0] === lang) || lang;
const write = (time, form) => {
  const timeZoneName = form === "long" ? form : "short", year = form === "short" ? undefined : "numeric";
  const date = form && {weekday: timeZoneName, month: timeZoneName, day: "numeric", year};
  return new Intl.DateTimeFormat(own, {...date, hour: "numeric", minute: "2-digit", timeZoneName}).format(time);
};
all("time[datetime]", e => e.textContent = write(new Date(e.dateTime), e.className));

// "2 hours ago" does not stay true. It gives way to the time alone when the reader comes
// back, and not while they read, which could move a button away from their finger.
const began = Date.now();
const settle = () => Date.now() - began < 6e4 || all(".when", e => e.replaceWith(e.lastChild));
["visibilitychange", "pageshow", "focus"].forEach(event => addEventListener(event, settle));
