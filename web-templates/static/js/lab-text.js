// Code in the lab's text: copy it, or put shell commands into the terminal.
import { toast } from './toast.js';

const SHELL = /language-(sh|bash|shell|console)\b/;

export function codeTools({ onRun }) {
  for (const block of document.querySelectorAll('.lab-text pre > code')) {
    const text = () => block.textContent.replace(/\n$/, '');
    const tools = Object.assign(document.createElement('div'), { className: 'code-tools' });
    tools.append(button('Copy', () => copy(text())));
    if (onRun && SHELL.test(block.className)) tools.append(button('To the terminal', () => onRun(text())));
    block.parentElement.append(tools);
  }
}

function button(label, act) {
  const made = Object.assign(document.createElement('button'), { type: 'button', className: 'small', textContent: label });
  made.addEventListener('click', act);
  return made;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast({ title: 'Copied', tone: 'good' });
  } catch {
    toast({ title: 'The browser does not allow copying here', detail: 'Select the text and copy it yourself.' });
  }
}
