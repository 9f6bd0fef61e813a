// What every page needs.
import { codeTools } from './lab-text.js';
import { keepRelativeTimesFresh, localizeTimes } from './time.js';

localizeTimes(document);
keepRelativeTimesFresh();
// The session page adds its own, which lead into the terminal.
if (!document.querySelector('.session')) codeTools({});

// While a lab's text is read, the parts of its session page are fetched into the browser's cache.
const warm = document.querySelector('[data-warm]')?.dataset.warm.split(' ') ?? [];
if (warm.length > 0) {
  setTimeout(async () => {
    for (const url of warm) await fetch(url, { priority: 'low' }).catch(() => {});
  }, 500);
}

// A plain form that starts something is sent once, however often its button is pressed.
document.addEventListener('submit', (event) => {
  const form = event.target;
  if (!form.matches('form[data-once]')) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = 'yes';
  form.querySelector('[type="submit"]')?.setAttribute('aria-busy', 'true');
});

// Back from the browser's cache, a sent form may be sent again.
window.addEventListener('pageshow', () => {
  for (const form of document.querySelectorAll('form[data-sent]')) delete form.dataset.sent;
});
