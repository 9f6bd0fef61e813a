// Short messages in a corner, read out to those who don't see them.
import { Problem } from './problem.js';

const LONG_ENOUGH_TO_READ = 7000;

/** Shows a message. `tone`: 'good', 'bad' or 'plain'. A bad one stays until it is closed. */
export function toast({ title, detail = '', mend = '', tone = 'plain' }) {
  const corner = document.getElementById('toasts');
  // The same message twice is said once.
  for (const shown of corner.children) if (shown.dataset.says === title + detail) shown.remove();
  const box = document.createElement('div');
  box.className = `toast toast-${tone}`;
  box.dataset.says = title + detail;
  box.append(Object.assign(document.createElement('strong'), { textContent: title }));
  if (detail) box.append(Object.assign(document.createElement('p'), { textContent: detail }));
  if (mend) box.append(Object.assign(document.createElement('p'), { className: 'toast-mend', textContent: mend }));
  const close = Object.assign(document.createElement('button'), { type: 'button', className: 'icon', textContent: '×' });
  close.setAttribute('aria-label', 'Close message');
  close.addEventListener('click', () => box.remove());
  box.append(close);
  corner.append(box);
  while (corner.children.length > 4) corner.firstElementChild.remove();
  if (tone !== 'bad') setTimeout(() => box.remove(), LONG_ENOUGH_TO_READ);
}

/** Shows a failure. */
export function toastProblem(error) {
  if (error instanceof Problem) toast({ title: error.title, detail: error.detail, mend: error.mend, tone: 'bad' });
  else {
    console.error(error);
    toast({ title: 'That did not work', detail: String(error?.message ?? error), tone: 'bad' });
  }
}
