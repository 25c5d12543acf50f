// The parent holds our stdin open and never writes to it. However the parent ends, the system closes
// the pipe, on every system: that is the one sign of a parent's end that a kill can't prevent.

/** Call `ended` once, when stdin ends. Watching alone does not keep the process running. */
export function whenParentEnds(ended) {
  const once = () => {
    process.stdin.off("end", once).off("close", once);
    ended();
  };
  process.stdin.on("end", once).on("close", once).on("error", once);
  process.stdin.resume();
  process.stdin.unref?.();
}

/** For output nobody reads any more: a broken pipe must not end us before we have saved. */
export function ignoreBrokenOutput() {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
}
