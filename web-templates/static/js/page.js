// What every page needs.
import { codeTools } from './lab-text.js';
import { keepRelativeTimesFresh, localizeTimes } from './time.js';

localizeTimes(document);
keepRelativeTimesFresh();
// The session page adds its own, which lead into the terminal.
if (!document.querySelector('.session')) codeTools({});

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
