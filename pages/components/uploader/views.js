// What a person sees of the uploads: the zone with a bar a file (Files page), the strip with the total (sidebar).

const LINGER = 4_000; // ms that a finished file's bar stays
const ROWS = 40; // bars at most; the others are told by their number

class Zone {
  constructor(root) {
    this.rank = 1;
    this.root = root;
    this.rows = new Map();
    for (const input of root.querySelectorAll("input")) {
      input.onchange = () => {
        this.take(chosen(input.files));
        input.value = ""; // the same file may be chosen again
      };
    }
    root.querySelector(".folder").hidden = !("webkitdirectory" in HTMLInputElement.prototype); // some phones know no folders
    root.querySelector(".interrupted").append(button("close", "Forget", "Forget it", () => uploads.forgetInterrupted()));
    const again = button("refresh", "Try all again", "Try all again", () => uploads.all("failed", (upload) => uploads.again(upload)));
    const cancel = button("close", "Cancel all", "Cancel all", () => uploads.all("open", (upload) => uploads.cancel(upload)));
    again.classList.add("all-again");
    cancel.classList.add("all-cancel");
    root.querySelector(".total").append(again, cancel);
  }

  take(found) {
    uploads.add(found, this.component.data.account);
  }

  render() {
    if (!this.component) return;
    text(this.root, ".note", this.component.data.note);
    const current = uploads.list.filter((upload) => upload.state !== "done" || Date.now() - upload.ended < LINGER);
    const shown = current.length > ROWS ? current.sort(byUrgency).slice(0, ROWS) : current;
    const list = this.root.querySelector(".files");
    for (const [upload, row] of this.rows) {
      if (shown.includes(upload)) continue;
      row.remove();
      this.rows.delete(upload);
    }
    for (const upload of shown) {
      if (!this.rows.has(upload)) this.rows.set(upload, list.appendChild(newRow(upload)));
      showRow(this.rows.get(upload), upload);
    }
    const more = current.length - shown.length;
    text(this.root, ".more", more ? `and ${counted(more)} more` : "");
    text(this.root, ".total span", current.length && uploads.list.length > 1 ? totalText() : "");
    this.root.querySelector(".all-again").hidden = counts().failed < 2;
    this.root.querySelector(".all-cancel").hidden = counts().open < 2;
    this.root.querySelector(".interrupted").hidden = !uploads.interrupted.length;
    text(this.root, ".interrupted span", interruptedText());
    text(this.root, ".news", uploads.news);
  }
}

class Strip {
  constructor(root) {
    this.rank = 2; // reports to Python: it is there on every page
    this.root = root;
  }

  render() {
    const strip = this.root.querySelector(".strip");
    strip.hidden = !uploads.list.length;
    if (strip.hidden) return;
    text(strip, ".title", titleText());
    const trouble = uploads.list.find((upload) => upload.trouble)?.trouble;
    text(strip, ".numbers", uploads.active ? trouble || numbersText(uploads.total, uploads.sent, uploads.size) : "");
    strip.querySelector(".bar").hidden = !uploads.active;
    showBar(strip, uploads.sent, uploads.size);
  }
}

function newRow(upload) {
  const row = document.createElement("li");
  const name = element("span", "name");
  if (upload.folder) {
    name.append(element("span", "where"), "/");
    name.firstElementChild.append(element("bdi", "", upload.folder));
  }
  name.append(element("span", "what", upload.name));
  name.title = upload.path;
  const bar = element("div", "bar");
  bar.append(element("div", "fill"));
  bar.setAttribute("role", "progressbar");
  bar.setAttribute("aria-label", `Upload of ${upload.path}`);
  const again = button("refresh", "Try again", `Try ${upload.path} again`, () => uploads.again(upload));
  const cancel = button("close", "", `Cancel ${upload.path}`, () => uploads.cancel(upload));
  again.classList.add("again");
  cancel.classList.add("cancel");
  row.append(name, bar, element("span", "numbers"), again, cancel);
  return row;
}

function showRow(row, upload) {
  const failed = upload.state === "failed";
  row.className = upload.state;
  row.querySelector(".again").hidden = !failed;
  row.querySelector(".cancel").hidden = upload.state === "done";
  text(row, ".numbers", rowText(upload));
  showBar(row, upload.sent, upload.size, upload.state === "done");
}

function rowText(upload) {
  const { state, size, sent, before } = upload;
  if (state === "waiting") return `waiting · ${bytesText(size)}`;
  if (state === "done") return `${upload.already ? "there already" : "uploaded"} · ${bytesText(size)}`;
  if (state === "failed") return `Not uploaded: ${upload.reason}`;
  if (upload.trouble) return `${percent(sent, size)} % · ${upload.trouble}`;
  const numbers = numbersText(upload.speed, sent, size);
  return before ? `${numbers} · ${bytesText(before)} were there already` : numbers;
}

// What moves or needs a person comes first where not every file has a row.
function byUrgency(one, other) {
  const order = ["failed", "sending", "waiting", "done"];
  return order.indexOf(one.state) - order.indexOf(other.state);
}

function counts() {
  const found = { open: 0, failed: 0, done: 0, already: 0 };
  for (const upload of uploads.list) {
    found[upload.open ? "open" : upload.state] += 1;
    if (upload.already) found.already += 1;
  }
  return found;
}

function interruptedText() {
  const [first, ...others] = uploads.interrupted;
  if (!first) return "";
  if (others.length) return `${counted(others.length + 1)} were not uploaded to the end. Choose them, or their folders, again: they go on where they stopped.`;
  const so = `${bytesText(first.stored)} of ${bytesText(first.size)} are in storage`;
  const again = first.folder ? `the folder ${first.folder.split("/")[0]}` : "it";
  return `${placed(first.folder, first.name)} was not uploaded to its end (${so}). Choose ${again} again: it goes on where it stopped.`;
}

function numbersText(speed, sent, size) {
  const parts = [`${percent(sent, size)} %`];
  if (speed.bytesPerSecond) parts.push(`${bytesText(speed.bytesPerSecond)}/s`, timeLeft(size - sent, speed.bytesPerSecond));
  return parts.join(" · ");
}

function titleText() {
  const { open, failed } = counts();
  if (open) return `Uploading ${counted(open)}`;
  return failed ? `${counted(failed)} not uploaded` : "Everything is uploaded";
}

function totalText() {
  const { done, already, failed } = counts();
  const numbers = uploads.active ? ` · ${numbersText(uploads.total, uploads.sent, uploads.size)}` : "";
  const parts = [already && `${already.toLocaleString("en")} were there already`, failed && `${failed.toLocaleString("en")} not uploaded`];
  const more = parts.filter(Boolean).map((part) => ` · ${part}`).join("");
  return `${done.toLocaleString("en")} of ${counted(uploads.list.length)} uploaded${more}${numbers}`;
}

function showBar(root, sent, size, done = false) {
  const bar = root.querySelector(".bar");
  const value = done ? 100 : percent(sent, size);
  bar.setAttribute("aria-valuenow", value);
  bar.firstElementChild.style.width = `${value}%`;
}

function element(tag, className, content = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = content;
  return made;
}

function button(icon, label, name, onclick) {
  const made = element("button", "");
  made.type = "button";
  made.title = name;
  made.setAttribute("aria-label", name);
  const picture = element("span", "icon", icon);
  picture.setAttribute("aria-hidden", "true");
  made.append(picture, label);
  made.onclick = onclick;
  return made;
}

function text(root, selector, content) {
  const found = root.querySelector(selector);
  if (found.textContent !== content) found.textContent = content;
}

// Files may be dropped anywhere on the page; without a zone a drop must not make the browser leave the page.
function zone() {
  return [...uploads.views].find((view) => view.rank === 1);
}

function hasFiles(event) {
  return [...(event.dataTransfer?.types ?? [])].includes("Files");
}

function mark(over) {
  zone()?.root.querySelector(".drop").classList.toggle("over", over);
}

uploads.listening ??= (() => {
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    mark(true);
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) mark(false);
  });
  addEventListener("drop", async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    mark(false);
    const taker = zone();
    if (!taker) return;
    try {
      taker.take(await dropped(event.dataTransfer));
    } catch {
      uploads.say("What was dropped can't be read. Choose the files instead.");
    }
  });
  return true;
})();

const views = new WeakMap();

export default function (component) {
  const root = component.parentElement;
  if (!views.has(root)) views.set(root, root.querySelector(".drop") ? new Zone(root) : new Strip(root));
  const view = views.get(root);
  view.component = component;
  if (component.data.target) uploads.setTarget(component.data.target);
  uploads.attach(view);
  return () => uploads.detach(view);
}
