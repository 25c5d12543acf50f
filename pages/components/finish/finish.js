// One for the tab, whichever page shows it: the job that is told of, and the title that the page gave itself.
const tab = (globalThis.finishTold ??= { own: null, prefix: "", told: null, running: null });
const wish = (job) => `tell-${job}`;

function wanted(job) {
  return sessionStorage.getItem(wish(job)) === "1" && globalThis.Notification?.permission === "granted";
}

function show(prefix) {
  tab.prefix = prefix;
  const title = prefix + tab.own;
  if (document.title !== title) document.title = title;
}

function watchTitle() {
  if (tab.own !== null) return;
  tab.own = document.title;
  new MutationObserver(() => {
    if (document.title === tab.prefix + tab.own) return;
    tab.own = document.title; // another page has come
    show(tab.prefix);
  }).observe(document.querySelector("title") ?? document.head, { childList: true, characterData: true, subtree: true });
}

function notify(told) {
  if (!wanted(told.job)) return;
  sessionStorage.removeItem(wish(told.job));
  const note = new Notification(told.headline, { body: told.text, tag: told.job });
  note.onclick = () => window.focus();
}

function tell(told) {
  watchTitle();
  tab.told = told;
  if (!told) return show("");
  if (!told.over) {
    tab.running = told.job;
    return show(`${told.title} `);
  }
  if (tab.running !== told.job) return; // it was over before anybody looked, or has been told of
  tab.running = null;
  show(`${told.title} · `);
  const seen = () => tab.told?.over && show(""); // somebody is there
  for (const sign of ["pointerdown", "keydown"]) addEventListener(sign, seen, { once: true });
  notify(told);
}

function ask(root, job) {
  const button = root.querySelector("button") ?? root.appendChild(document.createElement("button"));
  const draw = () => {
    const refused = !globalThis.Notification || Notification.permission === "denied";
    button.textContent = refused
      ? "The tab's title tells when it is finished"
      : wanted(job)
        ? "You will be told"
        : "Tell me when it is finished";
    button.disabled = refused;
    button.setAttribute("aria-pressed", String(wanted(job)));
    button.title = refused ? "This browser does not let the page notify you." : "By a notification of this browser";
  };
  button.type = "button";
  button.onclick = async () => {
    if (wanted(job)) sessionStorage.removeItem(wish(job));
    else {
      sessionStorage.setItem(wish(job), "1");
      await Notification.requestPermission();
    }
    draw();
  };
  draw();
}

export default function ({ data, parentElement }) {
  if (data.ask) ask(parentElement.querySelector("div"), data.ask);
  else tell(data.told);
}
