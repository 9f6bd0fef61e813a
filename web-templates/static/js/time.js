// Moments in the person's own time and words: the server writes UTC into <time datetime>.

const relative = new Intl.RelativeTimeFormat(document.documentElement.lang || 'en', { numeric: 'auto' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const clockTime = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** Rewrites every <time> below a root: `data-relative` as "5 minutes ago", `data-clock-time` as hours and minutes. */
export function localizeTimes(root) {
  for (const element of root.querySelectorAll('time[datetime]')) {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    element.title = full.format(at);
    if ('clockTime' in element.dataset) element.textContent = isToday(at) ? clockTime.format(at) : full.format(at);
    else if ('relative' in element.dataset) element.textContent = inWords(at);
    else element.textContent = full.format(at);
  }
}

/** Keeps "a minute ago" true while the page stays open. */
export function keepRelativeTimesFresh() {
  setInterval(() => localizeTimes(document), 30_000);
}

function isToday(at) {
  return at.toDateString() === new Date().toDateString();
}

function inWords(at) {
  const seconds = (at.getTime() - Date.now()) / 1000;
  const size = Math.abs(seconds);
  // What the server stamps a moment ahead of this clock is still now.
  if (size < 45 || seconds > 0) return 'just now';
  if (size < 45 * 60) return relative.format(Math.round(seconds / 60), 'minute');
  if (size < 22 * 3600) return relative.format(Math.round(seconds / 3600), 'hour');
  if (size < 7 * 86_400) return relative.format(Math.round(seconds / 86_400), 'day');
  return full.format(at);
}
