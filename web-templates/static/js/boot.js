// Loads the page again when a part of it did not arrive.
//
// Not a module and loaded first: it watches over the others. Needed most on a machine that runs Docker itself, where each
// container that starts changes the network, and Chromium then drops the requests that are under way.
(() => {
  const KEY = 'containrlab.reloads';
  const MOST_A_MINUTE = 5;
  const recent = JSON.parse(sessionStorage.getItem(KEY) ?? '[]').filter((at) => Date.now() - at < 60_000);
  let planned = false;
  window.addEventListener('error', ({ target }) => {
    if (!(target instanceof HTMLScriptElement || target instanceof HTMLLinkElement)) return;
    if (planned || recent.length >= MOST_A_MINUTE) return;
    planned = true;
    sessionStorage.setItem(KEY, JSON.stringify([...recent, Date.now()]));
    setTimeout(() => location.reload(), 300 * (recent.length + 1));
  }, true);
})();
