// Follows script.js on pages that ask for times: what is typed in UTC is shown in the reader's
// time zone. A time without a date is one of today.
all("output", e => {
  const input = document.getElementById(e.htmlFor), clock = input.type === "time";
  const show = () => {
    const time = new Date((clock ? new Date().toISOString().slice(0, 11) : "") + input.value + "Z");
    e.hidden = isNaN(time);
    if (!e.hidden) e.querySelector("b").textContent = write(time, clock ? "" : "short");
  };
  input.oninput = show;
  addEventListener("pageshow", show);
});
