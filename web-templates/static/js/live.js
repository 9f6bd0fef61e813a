// The server-sent events of a session page: reconnecting without loss, and swaps that don't get in anybody's way.
// The protocol stands in web-templates/src/live.rs.

/**
 * Sets the page's one event source up. `ownSwaps` says for a part how to replace it, where not as a whole;
 * `onSwapped(name)` is called after a part was replaced.
 */
export function connectLive({ ownSwaps, onSwapped }) {
  const { htmx } = window;
  const lost = document.getElementById('live-lost');
  let lastId = '';

  // When the browser gives up (an HTTP error), htmx opens a new source, which knows no last id: it goes into the URL.
  htmx.createEventSource = (url) => {
    const address = new URL(url, location.href);
    if (lastId !== '') address.searchParams.set('after', lastId);
    const source = new EventSource(address);
    source.addEventListener('log', (event) => {
      if (event.lastEventId !== '') lastId = event.lastEventId;
    });
    return source;
  };

  let lostTimer;
  document.addEventListener('htmx:sseOpen', () => {
    clearTimeout(lostTimer);
    lost.hidden = true;
  });
  document.addEventListener('htmx:sseError', () => {
    // A blink of a reconnect is nobody's business.
    clearTimeout(lostTimer);
    lostTimer = setTimeout(() => { lost.hidden = false; }, 1500);
  });
  document.addEventListener('htmx:sseClose', () => {
    clearTimeout(lostTimer);
    lost.hidden = true;
  });

  const shown = new WeakMap();
  const held = new Map();
  let pressed = false;

  const replace = (target, html) => {
    shown.set(target, html);
    const name = target.getAttribute('sse-swap');
    if (ownSwaps[name]) ownSwaps[name](html);
    else htmx.swap(target, html, { swapStyle: 'innerHTML' });
    onSwapped(name);
  };

  // The replacing parts are swapped here and not by htmx: the same HTML again is left alone, and while a button is pressed
  // nothing moves, since a press on an element that is replaced before the release is no click.
  document.addEventListener('htmx:sseBeforeMessage', (event) => {
    const target = event.target;
    if (target.getAttribute('sse-swap') === 'log') return;
    event.preventDefault();
    const html = event.detail.data;
    if (pressed) held.set(target, html);
    else if (shown.get(target) !== html) replace(target, html);
  });

  const release = () => setTimeout(() => {
    pressed = false;
    for (const [target, html] of held) if (shown.get(target) !== html) replace(target, html);
    held.clear();
  });
  document.addEventListener('pointerdown', () => { pressed = true; }, true);
  for (const name of ['pointerup', 'pointercancel', 'blur']) window.addEventListener(name, release, true);
}
