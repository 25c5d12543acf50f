// Preloaded into npm (`node --import guard.mjs npm-cli.js ci`): an installation ends with who started it.
import { ignoreBrokenOutput, whenParentEnds } from "./parent.mjs";

ignoreBrokenOutput();
whenParentEnds(() => process.exit(1));
