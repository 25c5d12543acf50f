const EXPIRED = "This link has run out. Load the page again, then download.";
const UNREACHABLE = "The file can't be reached now. Check the connection, then try again.";

/** Empty when the address answers, else the sentence to show. One byte is asked for: enough to know. */
async function refusal(url) {
  const stop = new AbortController();
  try {
    const answer = await fetch(url, { headers: { Range: "bytes=0-0" }, signal: stop.signal });
    return answer.ok ? "" : EXPIRED;
  } catch {
    return UNREACHABLE;
  } finally {
    stop.abort();
  }
}

function save(url) {
  const link = document.createElement("a");
  link.href = url;
  link.download = "";
  link.click();
}

export default function ({ data, parentElement }) {
  const button = parentElement.querySelector("button");
  const sentence = parentElement.querySelector("p");
  button.textContent = data.shown;
  button.setAttribute("aria-label", data.label);
  button.classList.toggle("primary", data.primary);
  button.onclick = async () => {
    button.disabled = true;
    sentence.textContent = await refusal(data.url);
    sentence.hidden = !sentence.textContent;
    button.disabled = false;
    if (sentence.hidden) save(data.url);
  };
}
