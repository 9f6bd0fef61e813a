// Questions to the person, as modal dialogs.

/** Asks a question; answers the value of the chosen button, or null when the dialog is dismissed. */
export function choose({ title, text, buttons }) {
  return ask({ title, text, buttons });
}

/** Asks yes or no. */
export async function confirm({ title, text, yes, danger = false }) {
  const answer = await ask({ title, text, buttons: [{ value: 'no', label: 'Cancel' }, { value: 'yes', label: yes, danger, primary: true }] });
  return answer === 'yes';
}

/**
 * Asks for a line of text; answers it, or null when the dialog is dismissed. `check(text)` answers a sentence that
 * says what is wrong with it, or nothing.
 */
export function askText({ title, label, value = '', yes, check, select }) {
  return ask({ title, field: { label, value, check, select }, buttons: [{ value: 'no', label: 'Cancel' }, { value: 'yes', label: yes, primary: true }] });
}

function ask({ title, text, field, buttons }) {
  const dialog = document.createElement('dialog');
  const form = document.createElement('form');
  const heading = Object.assign(document.createElement('h2'), { textContent: title, id: 'dialog-title' });
  dialog.setAttribute('aria-labelledby', heading.id);
  form.append(heading);
  if (text) form.append(Object.assign(document.createElement('p'), { textContent: text }));

  let input;
  let error;
  if (field) {
    const row = Object.assign(document.createElement('div'), { className: 'stack dialog-field' });
    input = Object.assign(document.createElement('input'), { type: 'text', id: 'dialog-input', value: field.value, spellcheck: false, autocomplete: 'off' });
    error = Object.assign(document.createElement('p'), { className: 'field-error', id: 'dialog-error', hidden: true });
    error.setAttribute('role', 'alert');
    input.setAttribute('aria-describedby', error.id);
    row.append(Object.assign(document.createElement('label'), { htmlFor: input.id, textContent: field.label }), input, error);
    form.append(row);
  }

  const row = Object.assign(document.createElement('div'), { className: 'dialog-buttons' });
  for (const { value, label, primary, danger } of buttons) {
    const button = Object.assign(document.createElement('button'), { type: value === 'yes' ? 'submit' : 'button', textContent: label, value });
    button.classList.toggle('primary', Boolean(primary));
    button.classList.toggle('danger', Boolean(danger));
    if (value !== 'yes') button.addEventListener('click', () => dialog.close(value));
    row.append(button);
  }
  form.append(row);
  dialog.append(form);
  document.body.append(dialog);

  return new Promise((resolve) => {
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const wrong = field?.check?.(input.value);
      if (wrong) {
        error.textContent = wrong;
        error.hidden = false;
        input.setAttribute('aria-invalid', 'true');
        return;
      }
      dialog.close('yes');
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      const value = dialog.returnValue;
      if (field) resolve(value === 'yes' ? input.value : null);
      else resolve(value === '' ? null : value);
    });
    dialog.showModal();
    if (input) {
      input.focus();
      input.setSelectionRange(...(field.select ?? [0, input.value.length]));
    }
  });
}
