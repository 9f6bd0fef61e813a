// Open files: tabs, unsaved marks, saving, conflicts with the terminal.
import { Problem, requestJson } from './problem.js';
import { toast, toastProblem } from './toast.js';
import { choose } from './dialog.js';
import { CodeView, replacement, textOf } from './code-view.js';
import { draftOf, forgetDraft, keepDraft } from './drafts.js';

const SAVE_AFTER_PAUSE = 1500;
const DRAFT_AFTER_PAUSE = 250;

/**
 * A file in a tab.
 * @typedef {{path: string, state: object, saved: string, hash: string|null, dirty: boolean, conflict: boolean,
 *            saving: Promise|null, gone: boolean, held: boolean, serverHash: string|null}} Open
 */

export class Editor extends EventTarget {
  constructor({ session, lab, fileLimit }) {
    super();
    this.session = session;
    this.lab = lab;
    this.fileLimit = fileLimit;
    /** @type {Map<string, Open>} */
    this.files = new Map();
    this.current = null;
    /** @type {Map<string, HTMLElement>} */
    this.tabOf = new Map();
    this.writable = true;
    this.tabs = document.getElementById('editor-tabs');
    this.host = document.getElementById('editor-host');
    this.note = document.getElementById('editor-note');
    this.saveState = document.getElementById('save-state');
    this.saveButton = document.getElementById('save-button');
    this.view = new CodeView(this.host, {
      onChange: () => this.typed(),
      onSave: () => this.save(this.current).catch(toastProblem),
      onBlur: () => this.saveSoon(this.current, 0),
    });
    this.saveButton.addEventListener('click', () => this.save(this.current).catch(toastProblem));
    this.tabs.addEventListener('keydown', (event) => this.moveByKey(event));
    window.addEventListener('beforeunload', (event) => {
      if ([...this.files.values()].some((file) => file.dirty && !file.drafted)) event.preventDefault();
    });
  }

  url(path) {
    return `/api/files?session=${encodeURIComponent(this.session)}&path=${encodeURIComponent(path)}`;
  }

  get shown() {
    return this.current === null ? null : this.files.get(this.current);
  }

  // Opening and closing

  /** Opens a file, at a line if one is named. */
  async open(path, line = 0) {
    if (!this.files.has(path)) {
      let content;
      try {
        content = await requestJson('GET', this.url(path));
      } catch (error) {
        toastProblem(error);
        return false;
      }
      // A second click may have opened it meanwhile.
      if (!this.files.has(path)) await this.add(path, content);
    }
    this.show(path);
    if (line > 0) this.view.goToLine(line);
    return true;
  }

  async add(path, { content, hash }) {
    const file = { path, state: this.view.newState(path, content), saved: content, hash, serverHash: hash, dirty: false, drafted: false, conflict: false, saving: null, gone: false, held: false };
    this.files.set(path, file);
    const draft = await draftOf({ session: this.session, lab: this.lab }, path, hash);
    if (!draft || draft.text === content) {
      if (draft) forgetDraft(this.session, path);
      return;
    }
    file.state = file.state.update(replacement(file.state, draft.text)).state;
    file.dirty = true;
    file.drafted = true;
    if (draft.base === hash) {
      this.keep(file);
      toast({ title: `${path}: unsaved text is back`, detail: 'It was kept in this browser. Save it when it is right.' });
    } else {
      file.conflict = true;
    }
  }

  show(path) {
    if (this.current === path) return;
    this.stash();
    this.current = path;
    const file = this.files.get(path);
    this.view.show(file.state, file.scrollTop);
    this.host.classList.add('open');
    this.draw();
    this.dispatchEvent(new CustomEvent('shown', { detail: path }));
  }

  /** Keeps the shown document's state before another takes its place. */
  stash() {
    if (!this.shown) return;
    this.shown.state = this.view.state;
    this.shown.scrollTop = this.view.scrollTop;
  }

  async close(path) {
    const file = this.files.get(path);
    if (file.dirty) {
      const answer = await choose({
        title: `Save ${path}?`,
        text: 'It has changes that are not saved yet.',
        buttons: [{ value: 'stay', label: 'Keep open' }, { value: 'drop', label: 'Discard changes', danger: true }, { value: 'yes', label: 'Save', primary: true }],
      });
      if (answer === 'yes') {
        try {
          await this.save(path);
        } catch (error) {
          toastProblem(error);
          return;
        }
        if (file.dirty) return;
      } else if (answer === 'drop') forgetDraft(this.session, path);
      else return;
    }
    this.forget(path);
  }

  /** Takes a tab away, whatever it holds. */
  forget(path) {
    clearTimeout(this.files.get(path)?.timer);
    const order = [...this.files.keys()];
    const next = order[order.indexOf(path) + 1] ?? order[order.indexOf(path) - 1] ?? null;
    this.files.delete(path);
    if (this.current === path) {
      this.current = null;
      if (next === null) this.host.classList.remove('open');
      else this.show(next);
    }
    this.draw();
  }

  /** A file or folder has a new name: open tabs follow it. */
  async renamed(from, to) {
    this.stash();
    const entries = [...this.files.entries()];
    this.files.clear();
    for (const [path, file] of entries) {
      const moved = isWithin(from, path) ? to + path.slice(from.length) : path;
      if (moved !== path) {
        const text = textOf(file.state);
        file.path = moved;
        file.state = this.view.newState(moved, text);
        forgetDraft(this.session, path);
        if (file.dirty) this.keep(file);
        if (this.current === path) this.current = moved;
      }
      this.files.set(moved, file);
    }
    if (this.current !== null) this.view.show(this.shown.state);
    this.draw();
  }

  /** A file or folder was deleted here: its tabs go, and what was unsaved in them. */
  removed(path) {
    for (const open of [...this.files.keys()]) {
      if (!isWithin(path, open)) continue;
      forgetDraft(this.session, open);
      this.forget(open);
    }
  }

  /** Runs a rename or deletion: the live update that tells of it may come first, and is no news. */
  async moving(path, act) {
    const files = [...this.files.values()].filter((file) => isWithin(path, file.path));
    for (const file of files) file.moving = true;
    try {
      return await act();
    } finally {
      for (const file of files) file.moving = false;
    }
  }

  // Typing and saving

  typed() {
    const file = this.shown;
    if (!file) return;
    file.state = this.view.state;
    const text = textOf(file.state);
    file.dirty = text !== file.saved || file.gone;
    file.drafted = false;
    // The server said no to the text before this one; this one may be better.
    file.held = false;
    clearTimeout(file.draftTimer);
    file.draftTimer = setTimeout(async () => {
      if (!file.dirty) return forgetDraft(this.session, file.path);
      await this.keep(file);
      file.drafted = true;
    }, DRAFT_AFTER_PAUSE);
    this.draw();
    this.saveSoon(file.path, SAVE_AFTER_PAUSE);
  }

  keep(file) {
    return keepDraft({ session: this.session, lab: this.lab }, file.path, textOf(file.state), file.hash);
  }

  saveSoon(path, pause) {
    const file = this.files.get(path);
    if (!file?.dirty || file.conflict || file.held || !this.writable) return;
    clearTimeout(file.timer);
    file.timer = setTimeout(() => {
      if (file.dirty && !file.conflict && this.files.get(file.path) === file) this.save(file.path).catch((error) => {
        // Once for each text: the next keystroke tries again, Ctrl-S at any time.
        file.held = true;
        toastProblem(error);
      });
    }, pause);
  }

  /** Saves one file; throws a Problem if the server refuses for another reason than a conflict. */
  async save(path) {
    const file = this.files.get(path);
    if (!file) return;
    if (file.saving) await file.saving.catch(() => {});
    if (!file.dirty) return;
    if (!this.writable) throw new Problem({ title: 'The session is not open', detail: `${path} is not saved. Its text is kept in this browser.` });
    clearTimeout(file.timer);
    if (file.conflict) return this.settle(file);
    file.saving = this.write(file);
    this.draw();
    try {
      await file.saving;
    } finally {
      file.saving = null;
      this.draw();
    }
    // What was typed meanwhile.
    if (file.dirty) this.saveSoon(file.path, SAVE_AFTER_PAUSE);
  }

  async write(file) {
    if (file.path === this.current) file.state = this.view.state;
    const text = textOf(file.state);
    const size = new TextEncoder().encode(text).length;
    if (size > this.fileLimit) {
      throw new Problem({ title: `${file.path} is too large`, detail: `It has ${size.toLocaleString()} bytes; the limit is ${this.fileLimit.toLocaleString()}.`, mend: 'Make it smaller, or make large files in the terminal and leave them out of the workspace.' });
    }
    let answer;
    try {
      answer = await requestJson('PUT', this.url(file.path), { content: text, expected_hash: file.hash });
    } catch (error) {
      if (error.status !== 409) throw error;
      // The server may have this very text: a save whose answer was lost, or the same change made in the terminal.
      const there = await requestJson('GET', this.url(file.path)).catch(() => null);
      if (there?.content === text) {
        this.accept(file, text, there.hash);
        return;
      }
      file.conflict = true;
      file.serverHash = there?.hash ?? error.body.current_hash ?? null;
      this.draw();
      return this.settle(file);
    }
    this.accept(file, text, answer.hash);
  }

  accept(file, text, hash) {
    Object.assign(file, { saved: text, hash, serverHash: hash, conflict: false, gone: false, held: false });
    file.dirty = textOf(file.path === this.current ? this.view.state : file.state) !== text;
    if (!file.dirty) {
      clearTimeout(file.draftTimer);
      forgetDraft(this.session, file.path);
    }
    this.draw();
    this.dispatchEvent(new CustomEvent('saved', { detail: file.path }));
  }

  /** Saves all that is unsaved; answers whether the server now has everything. */
  async saveAll() {
    for (const file of [...this.files.values()]) if (file.dirty) await this.save(file.path);
    return [...this.files.values()].every((file) => !file.dirty);
  }

  // Changes from elsewhere

  /** The workspace's files as the server knows them now: path → hash. */
  async serverHas(hashes) {
    for (const file of [...this.files.values()]) {
      const hash = hashes.get(file.path) ?? null;
      if (file.saving || file.moving || hash === file.serverHash) continue;
      if (hash === file.hash) {
        file.serverHash = hash;
        continue;
      }
      file.serverHash = hash;
      if (hash === null) {
        file.gone = true;
        if (!file.dirty) {
          this.forget(file.path);
          toast({ title: `${file.path} is gone`, detail: 'It was deleted or renamed.' });
          continue;
        }
        file.conflict = true;
      } else if (file.dirty) file.conflict = true;
      else await this.reload(file);
    }
    this.draw();
  }

  /** Shows a file's text as the server has it. */
  async reload(file) {
    let answer;
    try {
      answer = await requestJson('GET', this.url(file.path));
    } catch (error) {
      toastProblem(error);
      return false;
    }
    if (file.dirty && !file.conflict) {
      file.conflict = true;
      return false;
    }
    this.setText(file, answer.content);
    this.accept(file, answer.content, answer.hash);
    return true;
  }

  setText(file, text) {
    if (file.path === this.current) {
      this.view.replaceText(text);
      file.state = this.view.state;
    } else file.state = file.state.update(replacement(file.state, text)).state;
  }

  /** Asks whose text counts. */
  async settle(file) {
    if (file.asking) return file.asking;
    file.asking = this.ask(file);
    try {
      await file.asking;
    } finally {
      file.asking = null;
      this.draw();
    }
  }

  async ask(file) {
    const gone = file.serverHash === null;
    const answer = await choose({
      title: gone ? `${file.path} was deleted meanwhile` : `${file.path} was changed in the terminal`,
      text: gone ? 'You have unsaved changes to it.' : 'Your text and the file differ. Which one shall stay? Nothing is changed until you choose.',
      buttons: [{ value: 'later', label: 'Decide later' }, { value: 'theirs', label: gone ? 'Let it go' : 'Take theirs' }, { value: 'mine', label: 'Keep mine', primary: true }],
    });
    if (answer === 'mine') return this.keepMine(file);
    if (answer === 'theirs') return this.takeTheirs(file);
  }

  async keepMine(file) {
    file.hash = file.serverHash;
    file.conflict = false;
    return this.write(file);
  }

  async takeTheirs(file) {
    if (file.serverHash === null) {
      forgetDraft(this.session, file.path);
      this.forget(file.path);
      return;
    }
    await this.reload(file);
  }

  // Drawing

  setWritable(on) {
    this.writable = on;
    this.view.setReadOnly(!on);
    this.draw();
  }

  isDirty(path) {
    return this.files.get(path)?.dirty ?? false;
  }

  draw() {
    const file = this.shown;
    this.drawTabs();
    this.saveButton.disabled = !file?.dirty || !this.writable;
    this.saveState.textContent = !file ? '' : file.saving ? 'Saving…' : file.conflict ? 'Changed elsewhere' : file.dirty ? (this.writable ? 'Unsaved' : 'Kept in this browser') : 'Saved';
    this.drawNote(file);
    this.dispatchEvent(new Event('marks'));
  }

  drawNote(file) {
    const show = Boolean(file?.conflict);
    this.note.hidden = !show;
    if (!show) {
      this.note.replaceChildren();
      return;
    }
    const words = file.serverHash === null ? `${file.path} was deleted while you had unsaved changes.` : `${file.path} was changed in the terminal while you had unsaved changes.`;
    if (this.note.dataset.says === words && this.note.childElementCount > 0) return;
    this.note.dataset.says = words;
    const text = Object.assign(document.createElement('p'), { textContent: words });
    const button = (label, act) => {
      const made = Object.assign(document.createElement('button'), { type: 'button', className: 'small', textContent: label });
      made.addEventListener('click', () => act().catch(toastProblem).finally(() => this.draw()));
      return made;
    };
    this.note.replaceChildren(text, button('Keep mine', () => this.keepMine(this.shown)), button('Take theirs', () => this.takeTheirs(this.shown)));
  }

  /** Changes tabs in place: a tab that is replaced between press and release would lose the click. */
  drawTabs() {
    for (const [path, tab] of this.tabOf) {
      if (this.files.has(path)) continue;
      tab.remove();
      this.tabOf.delete(path);
    }
    for (const file of this.files.values()) {
      if (!this.tabOf.has(file.path)) this.tabOf.set(file.path, this.newTab(file.path));
      const tab = this.tabOf.get(file.path);
      const current = file.path === this.current;
      const [open, close] = tab.children;
      const [name, mark] = open.children;
      if (current && !tab.classList.contains('current')) queueMicrotask(() => tab.scrollIntoView({ block: 'nearest', inline: 'nearest' }));
      tab.classList.toggle('current', current);
      tab.classList.toggle('dirty', file.dirty);
      open.setAttribute('aria-selected', String(current));
      open.tabIndex = current ? 0 : -1;
      close.tabIndex = open.tabIndex;
      name.textContent = this.tabName(file.path);
      mark.textContent = file.dirty ? ', unsaved' : '';
    }
    const order = [...this.files.keys()].map((path) => this.tabOf.get(path));
    if (order.some((tab, place) => this.tabs.children[place] !== tab)) this.tabs.append(...order);
  }

  newTab(path) {
    const tab = Object.assign(document.createElement('div'), { className: 'tab' });
    tab.setAttribute('role', 'presentation');
    const open = Object.assign(document.createElement('button'), { type: 'button', className: 'tab-open', title: path });
    open.setAttribute('role', 'tab');
    open.setAttribute('aria-controls', 'editor-host');
    open.append(document.createElement('span'), Object.assign(document.createElement('span'), { className: 'visually-hidden' }));
    open.addEventListener('click', () => {
      this.show(path);
      this.view.focus();
    });
    open.addEventListener('auxclick', (event) => {
      if (event.button === 1) this.close(path);
    });
    const close = Object.assign(document.createElement('button'), { type: 'button', className: 'tab-close' });
    close.setAttribute('aria-label', `Close ${path}`);
    close.append(Object.assign(document.createElement('span'), { textContent: '×' }));
    close.addEventListener('click', () => this.close(path));
    tab.append(open, close);
    return tab;
  }

  /** The file's name, with its folder where two open files share a name. */
  tabName(path) {
    const name = path.split('/').pop();
    const twins = [...this.files.keys()].filter((each) => each.split('/').pop() === name);
    return twins.length > 1 ? path : name;
  }

  moveByKey(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !event.target.matches('.tab-open')) return;
    event.preventDefault();
    const order = [...this.files.keys()];
    this.show(order[(order.indexOf(this.current) + step + order.length) % order.length]);
    this.tabs.querySelector('.current .tab-open')?.focus();
  }
}

/** Whether a path is a file or folder itself, or lies below it. */
function isWithin(outer, path) {
  return path === outer || path.startsWith(`${outer}/`);
}
