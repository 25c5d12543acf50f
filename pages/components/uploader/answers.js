// What an answer of storage (or of the app in its place) means, and how a person is told of it.

const AGAIN = new Set([0, 408, 429, 499, 500, 502, 503, 504]);
const UNREADABLE = "the file was changed or moved while it was uploading. Choose it again.";

function meaningOf(part, { status, code }) {
  if (status === 201) return "stored";
  if (status === 409 && code === "ContainerBeingDeleted") return "again";
  if (isFull({ status, code })) return "refused";
  if (typeof part === "string") {
    // The blob is there. Its name is random and this browser's own, so this is what an earlier try has stored.
    if (status === 409 || status === 412) return "stored";
    if (status === 400 && part !== "whole") return "lost"; // blocks of the list are unknown
  }
  if (status === 403 || status === 404) return "renew";
  return AGAIN.has(status) ? "again" : "refused";
}

function isFull({ status, code }) {
  return status === 507 || code === "InsufficientStorage";
}

// Why a file was given up.
function sentence({ status, code }) {
  if (isFull({ status, code })) return "the disk that storage keeps files on is full. Make room, then try again.";
  if (status === 403) return "storage no longer accepts uploads from this page. Reload it, then choose the file again.";
  if (status === 404) return "the place for videos is gone from storage. Reload the page, then try again.";
  if (status === 0 || status === 502) return "storage cannot be reached. Check the connection, then try again.";
  if (AGAIN.has(status)) return "storage is too busy. Try again in a minute.";
  return `storage did not accept the file (${code || `answer ${status}`}).`;
}

// Why nothing moves for now.
function troubleOf({ status, relayed }, wait) {
  if (!navigator.onLine) return "No network. It goes on by itself when the network is back.";
  if (status === 0 && relayed) return "The app does not answer. It goes on by itself.";
  if (status === 0 || status === 502) return "Storage does not answer. It goes on by itself.";
  return `Storage is busy. It goes on by itself in ${Math.ceil(wait / 1000)} s.`;
}

async function readable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
