export default function () {
  if (history.pushState.onePage) return;
  const push = history.pushState.bind(history);
  history.pushState = (state, title, address) => {
    const samePage = new URL(address ?? "", location.href).pathname === location.pathname;
    if (samePage) history.replaceState(state, title, address);
    else push(state, title, address);
  };
  history.pushState.onePage = true;
}
