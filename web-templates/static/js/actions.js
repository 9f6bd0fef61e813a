// Build, Run, Submit, Extend and End: htmx posts them, this adds what they need around it.
import { Problem, problemFrom } from './problem.js';
import { toastProblem } from './toast.js';
import { confirm } from './dialog.js';

const MOST_TRIES = 3;

/** `beforeAction(name)` may refuse by throwing; `onAction(name)` is told once the server has taken the command. */
export function watchActions({ beforeAction, onAction }) {
  // htmx asks before every request, and waits.
  document.addEventListener('htmx:confirm', (event) => {
    const form = event.detail.elt;
    if (!form.matches('form')) return;
    event.preventDefault();
    prepare(form).then((go) => {
      if (go) event.detail.issueRequest(true);
    }, toastProblem);
  });

  async function prepare(form) {
    const { confirm: text, confirmTitle: title, confirmYes: yes, action } = form.dataset;
    // Sent before and not heard of: the same again, with the same key.
    if (form.dataset.tries) return form.isConnected;
    if (text && !await confirm({ title, text, yes, danger: true })) return false;
    if (action) await beforeAction(action);
    // A live update may have drawn the form anew meanwhile; the new one has its own key and can be pressed again.
    return form.isConnected;
  }

  // A press counts once until it is answered; then the form gets a new key for the next press.
  document.addEventListener('htmx:beforeRequest', ({ detail: { elt } }) => {
    elt.querySelector('[type="submit"]')?.setAttribute('aria-busy', 'true');
  });
  document.addEventListener('htmx:afterRequest', ({ detail: { elt, successful, xhr } }) => {
    elt.querySelector('[type="submit"]')?.removeAttribute('aria-busy');
    // Not after a lost connection: the server may have it, and the same key finds out.
    if (xhr.status !== 0) {
      delete elt.dataset.tries;
      renewKey(elt);
    }
    if (successful && elt.dataset.action) onAction(elt.dataset.action);
  });
  document.addEventListener('htmx:responseError', ({ detail: { xhr } }) => {
    toastProblem(problemFrom(xhr.status, xhr.getResponseHeader('content-type'), xhr.responseText));
  });
  document.addEventListener('htmx:sendError', ({ detail: { elt } }) => {
    const tries = Number(elt.dataset.tries ?? 0) + 1;
    if (tries <= MOST_TRIES && elt.isConnected) {
      elt.dataset.tries = tries;
      setTimeout(() => elt.requestSubmit(), 300 * tries);
      return;
    }
    delete elt.dataset.tries;
    toastProblem(new Problem({ title: 'The server can’t be reached', detail: 'The command did not get through.', mend: 'Look at your connection and press the button again.' }));
  });
}

function renewKey(form) {
  const field = form.elements.namedItem('idempotency_key');
  if (field) field.value = randomId();
}

/** crypto.randomUUID needs a secure context; this does not. */
function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
