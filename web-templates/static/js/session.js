// The session page: brings its parts together.
import './adopted-styles.js';
import { watchActions } from './actions.js';
import { Clock } from './clock.js';
import { forgetOldDrafts } from './drafts.js';
import { Editor } from './editor.js';
import { FileTree } from './files.js';
import { codeTools } from './lab-text.js';
import { connectLive } from './live.js';
import { Log } from './log.js';
import { PanelSwitch, ResultTabs, movableSplitters } from './panels.js';
import { Problem } from './problem.js';
import { TerminalPanel } from './terminal.js';
import { localizeTimes } from './time.js';

const page = document.querySelector('.session');
const { session, lab, fileLimit } = page.dataset;
page.classList.add('scripted');

const clock = new Clock();
const editor = new Editor({ session, lab, fileLimit: Number(fileLimit) });
const tree = new FileTree({ session, editor });
const terminal = new TerminalPanel({ session });
const results = new ResultTabs({
  onShow: (name) => {
    if (name === 'log') log.revealed();
  },
});
const log = new Log({ onNews: () => results.news('log') });
const panels = new PanelSwitch(page, {
  onShow: (panel) => {
    if (panel === 'terminal') terminal.fit();
    if (panel === 'results') log.revealed();
  },
});
movableSplitters(page);
forgetOldDrafts();

// Status

let stage = null;

function readStatus() {
  const status = document.getElementById('status-now');
  clock.read(status);
  if (status.dataset.stage === stage && stage !== 'in-line') return;
  const before = stage;
  stage = status.dataset.stage;
  if (before !== null) announce(status.dataset.announce);
  const ready = stage === 'ready';
  editor.setWritable(ready);
  tree.setEnabled(ready);
  if (ready) {
    terminal.open();
    if (before !== null) {
      panels.show('terminal');
      terminal.focus();
    }
    if (editor.files.size === 0) openFirstFile();
  } else if (stage === 'ended' || stage === 'ending') {
    terminal.close();
    if (stage === 'ended' && before !== null && before !== 'ended') panels.show('terminal');
    if (stage === 'ended' && editor.files.size === 0) openFirstFile();
  }
}

/** A Dockerfile, if there is one: that is what most labs are about. */
function openFirstFile() {
  const paths = [...tree.hashes().keys()];
  const first = paths.find((path) => path === 'Dockerfile') ?? paths.find((path) => path.endsWith('/Dockerfile'));
  if (first) editor.open(first);
}

function announce(text) {
  document.getElementById('announcer').textContent = text;
}

// Verdict

let verdict = document.querySelector('[data-verdict]')?.dataset.verdict;
results.show(verdict && verdict !== 'none' ? 'verdict' : 'log');

function readVerdict() {
  const shown = document.querySelector('[data-verdict]');
  if (!shown || shown.dataset.verdict === verdict) return;
  verdict = shown.dataset.verdict;
  if (verdict === 'judging' || verdict === 'none') return;
  results.show('verdict');
  announce(shown.dataset.announce);
}

// Ports and hints

function readPorts() {
  const ports = document.querySelector('.ports');
  if (ports.dataset.announce) announce(ports.dataset.announce);
  terminal.fit();
}

let hintsShown = document.querySelectorAll('.hint-shown').length;

function readHints() {
  const all = document.querySelectorAll('.hint-shown');
  if (all.length > hintsShown) {
    results.news('hints');
    const newest = [...all].sort((one, other) => moment(one) - moment(other)).at(-1);
    newest.scrollIntoView({ block: 'nearest' });
    announce(newest.innerText);
  }
  hintsShown = all.length;
}

const moment = (hint) => Date.parse(hint.querySelector('time').dateTime);

// Live parts

const afterSwap = {
  status: readStatus,
  files: () => {
    editor.serverHas(tree.hashes());
  },
  verdict: readVerdict,
  timeline: () => results.news('timeline'),
  ports: readPorts,
  hints: readHints,
};
connectLive({
  ownSwaps: { files: (html) => tree.update(html) },
  onSwapped: (name) => {
    localizeTimes(page);
    afterSwap[name]?.();
  },
});

// Actions

watchActions({
  beforeAction: async (name) => {
    if (!await editor.saveAll()) {
      throw new Problem({ title: `Not everything is saved, so ${name} did not start`, detail: 'A file was changed in the terminal too.', mend: 'Choose which text counts, then try again.' });
    }
  },
  onAction: (name) => {
    results.show('log');
    panels.show('results');
    announce(`${name} started`);
  },
});

// Places in findings lead into the editor.
document.addEventListener('click', async (event) => {
  const place = event.target.closest('[data-open-file]');
  if (!place) return;
  panels.show('files');
  await editor.open(place.dataset.openFile, Number(place.dataset.openLine));
});

// A finding leads to the step of the text that explains it, and to the hints about it.
document.addEventListener('click', (event) => {
  const link = event.target.closest('[data-show-step], [data-show-hints]');
  if (!link) return;
  const { showStep, showHints } = link.dataset;
  const target = showStep ? document.getElementById(showStep) : document.querySelector(`[data-hints-of="${CSS.escape(showHints)}"]`);
  if (!target) return;
  event.preventDefault();
  if (showStep) panels.show('text');
  else results.show('hints');
  target.scrollIntoView({ block: 'start' });
  (showStep ? target.querySelector('h3') : target).focus({ preventScroll: true });
});

editor.addEventListener('marks', () => {
  const unsaved = [...editor.files.values()].some((file) => file.dirty);
  document.getElementById('switch-dirty').hidden = !unsaved;
});

codeTools({
  onRun: (text) => {
    panels.show('terminal');
    terminal.paste(text);
  },
});

// Ctrl-S saves wherever the focus is, but in the terminal, where it belongs to the shell.
document.addEventListener('keydown', (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey || event.key !== 's') return;
  if (event.target.closest('.xterm, .cm-editor')) return;
  event.preventDefault();
  editor.saveButton.click();
});

readStatus();
