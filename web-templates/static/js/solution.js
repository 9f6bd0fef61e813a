// The files of a solution in the editor's colours, to be read and copied. Without this they are plain text.
import './adopted-styles.js';
import { CodeView } from './code-view.js';

const nothing = () => {};

for (const plain of document.querySelectorAll('[data-code-path]')) {
  const host = Object.assign(document.createElement('div'), { className: 'solution-code' });
  plain.replaceWith(host);
  const view = new CodeView(host, { onChange: nothing, onSave: nothing, onBlur: nothing });
  view.setReadOnly(true);
  view.show(view.newState(plain.dataset.codePath, plain.textContent));
}
