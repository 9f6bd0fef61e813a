// The file tree: the server draws it, this gives it folding, keys and actions.
import { requestJson } from './problem.js';
import { toastProblem } from './toast.js';
import { askText, confirm } from './dialog.js';

const LONGEST_PATH = 4095;

export class FileTree {
  constructor({ session, editor }) {
    this.session = session;
    this.editor = editor;
    this.root = document.getElementById('files');
    this.tools = document.getElementById('panel-files').querySelector('.panel-tools');
    this.folded = new Set();
    this.selected = null;
    this.enabled = true;
    this.root.addEventListener('click', (event) => this.clicked(event));
    this.root.addEventListener('keydown', (event) => this.keyed(event));
    this.tools.addEventListener('click', (event) => {
      const action = event.target.closest('[data-file-action]')?.dataset.fileAction;
      if (action) this.act(action).catch(toastProblem);
    });
    editor.addEventListener('marks', () => this.mark());
    editor.addEventListener('shown', (event) => {
      this.selected = event.detail;
      this.mark();
    });
    this.mark();
  }

  get nodes() {
    return [...this.root.querySelectorAll('.node')];
  }

  get visible() {
    return this.nodes.filter((node) => !node.hidden);
  }

  node(path) {
    return this.nodes.find((node) => node.dataset.path === path);
  }

  /** Hashes of all files, as the tree shows them: path → hash. */
  hashes() {
    return new Map(this.nodes.filter((node) => node.classList.contains('file')).map((node) => [node.dataset.path, node.dataset.hash]));
  }

  /** Takes over the tree as the server draws it now, keeping the nodes that stay: focus and clicks stay with them. */
  update(html) {
    const template = document.createElement('template');
    template.innerHTML = html;
    const list = this.root.querySelector('.tree');
    const drawn = template.content.querySelector('.tree');
    if (!list || !drawn) {
      this.root.replaceChildren(template.content);
      this.mark();
      return;
    }
    const hadFocus = list.contains(document.activeElement);
    const kept = new Map(this.nodes.map((node) => [keyOf(node), node]));
    const wanted = [...drawn.children].map((node) => {
      const old = kept.get(keyOf(node));
      if (!old) return node;
      kept.delete(keyOf(node));
      for (const name of ['class', 'data-hash', 'title']) if (node.hasAttribute(name)) old.setAttribute(name, node.getAttribute(name));
      return old;
    });
    for (const gone of kept.values()) gone.remove();
    wanted.forEach((node, place) => {
      if (list.children[place] !== node) list.insertBefore(node, list.children[place] ?? null);
    });
    this.mark();
    if (hadFocus && !list.contains(document.activeElement)) this.focusable()?.focus();
  }

  mark() {
    for (const node of this.nodes) {
      const { path } = node.dataset;
      const folder = node.classList.contains('folder');
      if (folder) node.setAttribute('aria-expanded', String(!this.folded.has(path)));
      else node.classList.toggle('dirty', this.editor.isDirty(path));
      node.hidden = parentsOf(path).some((parent) => this.folded.has(parent));
      node.setAttribute('aria-selected', String(path === this.selected));
      node.tabIndex = -1;
    }
    const first = this.focusable();
    if (first) first.tabIndex = 0;
    const chosen = this.selected !== null && this.node(this.selected);
    for (const tool of this.tools.children) {
      const needsChoice = ['rename', 'delete'].includes(tool.dataset.fileAction);
      tool.disabled = !this.enabled || (needsChoice && !chosen);
    }
  }

  focusable() {
    const chosen = this.selected !== null && this.node(this.selected);
    return chosen && !chosen.hidden ? chosen : this.visible[0];
  }

  setEnabled(on) {
    this.enabled = on;
    this.mark();
  }

  select(node) {
    this.selected = node.dataset.path;
    this.mark();
    node.focus();
  }

  fold(path, on) {
    if (on) this.folded.add(path);
    else this.folded.delete(path);
    this.mark();
  }

  clicked(event) {
    const node = event.target.closest('.node');
    if (node) this.enter(node);
  }

  /** What a click or Enter does: opens a file, folds a folder. */
  enter(node) {
    this.select(node);
    if (node.classList.contains('folder')) this.fold(node.dataset.path, !this.folded.has(node.dataset.path));
    else this.editor.open(node.dataset.path);
  }

  keyed(event) {
    const node = event.target.closest('.node');
    if (!node || event.ctrlKey || event.metaKey || event.altKey) return;
    const { path } = node.dataset;
    const folder = node.classList.contains('folder');
    const { visible } = this;
    const place = visible.indexOf(node);
    const go = (target) => target && this.select(target);
    const keys = {
      ArrowDown: () => go(visible[place + 1]),
      ArrowUp: () => go(visible[place - 1]),
      Home: () => go(visible[0]),
      End: () => go(visible.at(-1)),
      ArrowRight: () => (folder && this.folded.has(path) ? this.fold(path, false) : folder && go(visible[place + 1])),
      ArrowLeft: () => (folder && !this.folded.has(path) ? this.fold(path, true) : go(this.node(parentsOf(path).at(-1)))),
      Enter: () => this.enter(node),
      ' ': () => this.enter(node),
      F2: () => this.act('rename').catch(toastProblem),
      Delete: () => this.act('delete').catch(toastProblem),
    };
    if (!Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  }

  async act(action) {
    if (!this.enabled) return;
    const actions = { 'new-file': () => this.create('file'), 'new-folder': () => this.create('folder'), rename: () => this.rename(), delete: () => this.remove() };
    await actions[action]();
  }

  /** The folder that a new file belongs in: the selected one, or that of the selected file. */
  home() {
    const node = this.selected !== null && this.node(this.selected);
    if (!node) return '';
    if (node.classList.contains('folder')) return `${this.selected}/`;
    const parent = parentsOf(this.selected).at(-1);
    return parent ? `${parent}/` : '';
  }

  async create(kind) {
    const home = this.home();
    const path = await askText({
      title: kind === 'file' ? 'New file' : 'New folder',
      label: 'Path in the workspace',
      value: home,
      select: [home.length, home.length],
      yes: 'Create',
      check: (text) => whatIsWrongWith(text) ?? (this.node(text) ? 'There is something of that name already.' : undefined),
    });
    if (path === null) return;
    await requestJson('POST', '/api/files', { session: this.session, path, kind });
    for (const parent of parentsOf(path)) this.folded.delete(parent);
    this.selected = path;
    if (kind === 'file') await this.editor.open(path);
  }

  async rename() {
    const from = this.selected;
    if (from === null || !this.node(from)) return;
    const nameAt = from.lastIndexOf('/') + 1;
    const dot = from.lastIndexOf('.');
    const to = await askText({
      title: 'Rename or move',
      label: 'New path in the workspace',
      value: from,
      select: [nameAt, dot > nameAt ? dot : from.length],
      yes: 'Rename',
      check: (text) => whatIsWrongWith(text) ?? (text !== from && this.node(text) ? 'There is something of that name already.' : undefined),
    });
    if (to === null || to === from) return;
    await this.editor.moving(from, () => requestJson('POST', '/api/files/rename', { session: this.session, from, to }));
    await this.editor.renamed(from, to);
    this.selected = to;
    this.mark();
  }

  async remove() {
    const path = this.selected;
    const node = path !== null && this.node(path);
    if (!node) return;
    const folder = node.classList.contains('folder');
    const sure = await confirm({ title: `Delete ${path}?`, text: folder ? 'The folder and all that is in it is deleted.' : 'The file is deleted.', yes: 'Delete', danger: true });
    if (!sure) return;
    await this.editor.moving(path, () => requestJson('DELETE', this.editor.url(path)));
    this.editor.removed(path);
    this.selected = null;
    this.mark();
  }
}

const keyOf = (node) => `${node.classList.contains('folder')} ${node.dataset.path}`;

function parentsOf(path) {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

/** A sentence, if a path can't be one; the server has the last word. */
function whatIsWrongWith(path) {
  if (path.trim() === '') return 'Write a name.';
  if (path.startsWith('/')) return 'Start without a slash: paths begin in the workspace.';
  if (path.endsWith('/')) return 'End with a name, not with a slash.';
  if (path.split('/').some((part) => part === '' || part === '.' || part === '..')) return 'Each part of the path needs a name; “.” and “..” are none.';
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(path)) return 'Control characters can’t be part of a name.';
  if (new TextEncoder().encode(path).length > LONGEST_PATH) return 'That path is too long.';
  return undefined;
}
