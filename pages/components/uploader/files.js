// Names, ids and words for files; no state in here.

const NOT_VIDEOS = new Set(["Thumbs.db", "desktop.ini"]);
const FOLDER_BYTES = 600; // as in batch_core/texts.py

function blockId(index) {
  return btoa(String(index).padStart(6, "0"));
}

// The body of Put Block List; blocks of an `id` that none was sent under make it a question: 400, or 409 if the blob is there.
function blockList(count, id = blockId) {
  const ids = Array.from({ length: count }, (_, index) => `<Latest>${id(index)}</Latest>`);
  return `<?xml version="1.0" encoding="utf-8"?><BlockList>${ids.join("")}</BlockList>`;
}

function randomHex(bytes) {
  const random = crypto.getRandomValues(new Uint8Array(bytes));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function base64url(text) {
  const bytes = new TextEncoder().encode(text);
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function mediaType(type) {
  return /^(video|audio)\/[\w.+-]+$/.test(type) ? type : "application/octet-stream";
}

// An ASCII form as batch_core.files.safe_name makes it; the true name travels as metadata.
function safeName(name) {
  const plain = name.normalize("NFKD").replace(/[^\x00-\x7f]/g, "");
  const [, start, extension] = plain.match(/^(.*?)(?:\.([A-Za-z0-9]{1,8}))?$/s);
  const stem = start.replace(/[^A-Za-z0-9_-]+/g, "-").replace(/^[-_]+|[-_]+$/g, "") || "file";
  return extension ? `${stem.slice(0, 79 - extension.length)}.${extension.toLowerCase()}` : stem.slice(0, 80);
}

// Files as a person has chosen them: {file, folder}, where a folder ("trip/day 1") is named if it was chosen itself.
function chosen(files) {
  const found = [...files].map((file) => ({ file, folder: folderOf(file.webkitRelativePath) }));
  return found.some(({ folder }) => folder) ? found.filter(isWanted).sort(byPath) : found;
}

// Files of a drop, folders included.
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const found = entries.length ? [] : [...transfer.files].map((file) => ({ file, folder: "" }));
  while (entries.length) {
    const entry = entries.shift();
    if (!entry.isFile) entries.push(...(await inside(entry)));
    else found.push({ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), folder: folderOf(entry.fullPath) });
  }
  return found.filter(isWanted).sort(byPath);
}

// As people count: 2 comes before 10.
function byPath(one, other) {
  return placed(one.folder, one.file.name).localeCompare(placed(other.folder, other.file.name), undefined, { numeric: true });
}

// What a folder holds that is hidden, and the notes of file managers, are no videos.
function isWanted({ file, folder }) {
  return ![file.name, ...folder.split("/").slice(1)].some((part) => part.startsWith(".")) && !NOT_VIDEOS.has(file.name);
}

// The folder of a path, with or without a slash at its start; none when it is too long to be kept.
function folderOf(path) {
  const folder = path.split("/").slice(0, -1).filter(Boolean).join("/");
  return new TextEncoder().encode(folder).length > FOLDER_BYTES ? "" : folder;
}

function placed(folder, name) {
  return folder ? `${folder}/${name}` : name;
}

async function inside(folder) {
  const reader = folder.createReader();
  const entries = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return entries;
    entries.push(...some); // a reader gives a hundred at a time
  }
}

function counted(files) {
  return files === 1 ? "1 file" : `${files.toLocaleString("en")} files`;
}

// As batch_core/sizes.py tells them: 1 byte, 812 bytes, 3 MB, 13.4 MB.
function bytesText(bytes) {
  if (bytes < 1000) return bytes === 1 ? "1 byte" : `${Math.round(bytes)} bytes`;
  const units = ["KB", "MB", "GB", "TB"];
  let step = 0;
  let value = bytes / 1000;
  while (value >= 999.5 && step < units.length - 1) {
    value /= 1000;
    step += 1;
  }
  return `${value >= 99.5 ? Math.round(value) : value.toFixed(1).replace(/\.0$/, "")} ${units[step]}`;
}

function timeLeft(bytes, bytesPerSecond) {
  if (!bytesPerSecond) return "";
  const seconds = Math.ceil(bytes / bytesPerSecond);
  if (seconds >= 36_000) return `${Math.round(seconds / 3600)} h left`;
  if (seconds >= 3600) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min left`;
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")} left`;
}

function percent(sent, size) {
  return size ? Math.floor((100 * sent) / size) : 0;
}
