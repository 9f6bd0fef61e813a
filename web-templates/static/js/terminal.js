// xterm.js on top of a terminal link: size, copy and paste, state in words.
import './adopted-styles.js';
import { Terminal } from '../vendor/xterm/xterm.mjs';
import { FitAddon } from '../vendor/xterm-addon-fit/addon-fit.mjs';
import { Unicode11Addon } from '../vendor/xterm-addon-unicode11/addon-unicode11.mjs';
import { WebLinksAddon } from '../vendor/xterm-addon-web-links/addon-web-links.mjs';
import { TerminalLink } from './terminal-link.js';
import { toast } from './toast.js';

const SIZES = { smallest: 9, usual: 13, largest: 24 };
const SIZE_KEY = 'containrlab.terminal.size';
const MAC = /Mac|iP(hone|ad)/.test(navigator.platform);

const COLOURS = {
  foreground: '#d5dde6', cursor: '#7aaeff', selectionBackground: '#31507d',
  black: '#2a3542', red: '#ff8f86', green: '#6fd08c', yellow: '#e9b44c', blue: '#82b1ff', magenta: '#d7a0f5', cyan: '#5fd0d6', white: '#d5dde6',
  brightBlack: '#8291a1', brightRed: '#ffaea7', brightGreen: '#93e0a9', brightYellow: '#f3cd81', brightBlue: '#a9caff', brightMagenta: '#e6c3fa', brightCyan: '#93e4e8', brightWhite: '#ffffff',
};

export class TerminalPanel {
  constructor({ session }) {
    this.host = document.getElementById('terminal');
    this.state = document.getElementById('terminal-state');
    this.link = new TerminalLink({ session });
    this.xterm = null;
    this.link.addEventListener('output', ({ detail }) => this.write(detail));
    this.link.addEventListener('state', ({ detail }) => this.tell(detail));
    this.link.addEventListener('gap', () => this.xterm.reset());
    this.link.addEventListener('exit', ({ detail }) => {
      this.xterm.write(`\r\n\x1b[2m[the shell ended with code ${detail.code}]\x1b[0m\r\n`);
    });
    this.link.addEventListener('problem', ({ detail }) => {
      toast({ title: detail.title ?? 'Terminal', detail: detail.detail ?? '', tone: 'bad' });
    });
    document.getElementById('terminal-smaller').addEventListener('click', () => this.zoom(-1));
    document.getElementById('terminal-larger').addEventListener('click', () => this.zoom(1));
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      if (this.xterm) this.xterm.options.theme = theme();
    });
  }

  /** Opens the terminal, once the sandbox is ready. */
  open() {
    if (this.xterm) {
      this.link.open();
      return;
    }
    if (this.waiting) return;
    // A hidden panel (on a phone) has no size to measure: the terminal begins when it is first seen.
    this.waiting = new ResizeObserver(() => {
      if (!this.isVisible) return;
      this.waiting.disconnect();
      this.waiting = null;
      this.build();
      this.link.open();
      if (this.wantsFocus) this.focus();
    });
    this.waiting.observe(this.host);
  }

  get isVisible() {
    return this.host.clientWidth >= 40 && this.host.clientHeight >= 20;
  }

  /** Lets go of the shell; what is on the screen stays to be read. */
  close() {
    this.waiting?.disconnect();
    this.waiting = null;
    this.tell({ state: 'closed' });
    if (!this.xterm) return;
    this.link.close();
    this.xterm.options.disableStdin = true;
    this.xterm.options.cursorBlink = false;
  }

  build() {
    const xterm = new Terminal({
      allowProposedApi: true,
      cursorBlink: !matchMedia('(prefers-reduced-motion: reduce)').matches,
      fontFamily: getComputedStyle(document.documentElement).getPropertyValue('--mono'),
      fontSize: Number(readSize()),
      lineHeight: 1.15,
      macOptionIsMeta: true,
      minimumContrastRatio: 4.5,
      scrollback: 10_000,
      theme: theme(),
    });
    this.xterm = xterm;
    this.fitter = new FitAddon();
    xterm.loadAddon(this.fitter);
    xterm.loadAddon(new Unicode11Addon());
    xterm.unicode.activeVersion = '11';
    xterm.loadAddon(new WebLinksAddon((event, uri) => {
      if (event.ctrlKey || event.metaKey) window.open(uri, '_blank', 'noopener,noreferrer');
      else toast({ title: 'Open the link?', detail: `Hold ${MAC ? '⌘' : 'Ctrl'} and click to open ${uri}` });
    }));
    xterm.open(this.host);
    xterm.attachCustomKeyEventHandler((event) => this.keyed(event));
    const encoder = new TextEncoder();
    xterm.onData((data) => this.link.send(encoder.encode(data)));
    // Mouse reports of old programs are bytes, not text.
    xterm.onBinary((data) => this.link.send(Uint8Array.from(data, (letter) => letter.charCodeAt(0))));
    xterm.onResize(({ cols, rows }) => this.link.resize(cols, rows));
    this.fit();
    // Splitters, windows, phones that turn: whatever changes the panel's size.
    new ResizeObserver(() => {
      cancelAnimationFrame(this.frame);
      this.frame = requestAnimationFrame(() => this.fit());
    }).observe(this.host);
    document.fonts?.ready.then(() => this.fit());
  }

  fit() {
    // Hidden (another tab on a phone): keep the size, or the shell would see a terminal of one column.
    if (!this.xterm || !this.isVisible) return;
    this.fitter.fit();
    this.link.size = { cols: this.xterm.cols, rows: this.xterm.rows };
  }

  write(bytes) {
    // Bytes, not text: xterm.js keeps a letter whole whose bytes come in two messages.
    const end = this.link.next;
    this.xterm.write(bytes, () => this.link.shown(end));
  }

  /** Answers false for keys that the browser shall handle itself. */
  keyed(event) {
    if (event.type !== 'keydown') return true;
    const copies = event.ctrlKey && event.shiftKey && event.code === 'KeyC';
    const pastes = event.ctrlKey && event.shiftKey && event.code === 'KeyV';
    if (copies) {
      // Not the browser's inspector.
      event.preventDefault();
      this.copy();
      return false;
    }
    // The browser's own paste asks nobody for permission; xterm.js brackets it when the program wants that.
    if (pastes || (event.shiftKey && event.key === 'Insert')) return false;
    return true;
  }

  async copy() {
    const text = this.xterm.getSelection();
    if (text === '') return;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // No clipboard API (plain http on another host): xterm.js answers the copy command with its selection.
      document.execCommand('copy');
    }
  }

  /** Types text into the shell, as if pasted. */
  paste(text) {
    if (!this.xterm) {
      toast({ title: 'The terminal is not open yet' });
      return;
    }
    this.xterm.paste(text);
    this.xterm.focus();
  }

  zoom(step) {
    const size = Math.min(Math.max(readSize() + step, SIZES.smallest), SIZES.largest);
    localStorage.setItem(SIZE_KEY, String(size));
    if (!this.xterm) return;
    this.xterm.options.fontSize = size;
    this.fit();
  }

  tell({ state, seconds }) {
    const words = {
      connecting: 'Connecting…',
      open: '',
      reconnecting: seconds > 1 ? `Reconnecting in ${seconds} s… what you type is sent then` : 'Reconnecting…',
      closed: 'Closed',
    };
    this.state.textContent = words[state];
    this.state.classList.toggle('lost', state === 'reconnecting');
    this.host.dataset.state = state;
  }

  focus() {
    this.wantsFocus = true;
    this.xterm?.focus();
  }
}

function readSize() {
  const kept = Number(localStorage.getItem(SIZE_KEY));
  return kept >= SIZES.smallest && kept <= SIZES.largest ? kept : SIZES.usual;
}

function theme() {
  return { ...COLOURS, background: getComputedStyle(document.documentElement).getPropertyValue('--terminal-bg').trim() };
}
