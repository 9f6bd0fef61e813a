// The WebSocket to a terminal that outlives it.
//
// Output carries positions: this link remembers which byte comes next and asks for it after a lost connection, so that
// nothing is shown twice and nothing is missing. Input typed while the connection is down is kept and sent after.
//
// Events: `output` (detail: Uint8Array), `state` (detail: {state, seconds?}), `exit` (detail: {code}),
// `problem` (detail: {title, detail}), `gap` (the server no longer has what comes next: the screen must be cleared).

const POSITION_BYTES = 8;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 10_000;
const PING_EVERY = 20_000;
const SILENCE_IS_LOSS = 45_000;
const ACK_EVERY = 32 * 1024;
const KEPT_INPUT = 64 * 1024;

export class TerminalLink extends EventTarget {
  constructor({ session, terminal = 'main' }) {
    super();
    this.session = session;
    this.terminal = terminal;
    this.next = 0;
    this.acked = 0;
    this.size = { cols: 80, rows: 24 };
    this.waits = 0;
    this.wanted = false;
    this.input = [];
    this.inputBytes = 0;
    window.addEventListener('online', () => this.hurry());
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.hurry();
    });
  }

  open() {
    if (this.wanted) return;
    this.wanted = true;
    this.connect();
  }

  /** Closes for good. */
  close() {
    this.wanted = false;
    clearTimeout(this.retry);
    clearInterval(this.pinger);
    this.socket?.close();
    this.say('closed');
  }

  get isOpen() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  say(state, more = {}) {
    this.dispatchEvent(new CustomEvent('state', { detail: { state, ...more } }));
  }

  connect() {
    clearTimeout(this.retry);
    this.say(this.waits === 0 ? 'connecting' : 'reconnecting');
    const url = new URL(`/api/sessions/${encodeURIComponent(this.session)}/terminal/ws`, location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    url.search = new URLSearchParams({ terminal: this.terminal, from: this.next, ...this.size });
    const socket = new WebSocket(url);
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    socket.onopen = () => {
      if (socket === this.socket) this.opened();
    };
    socket.onmessage = (event) => {
      if (socket === this.socket) this.received(event.data);
    };
    socket.onclose = () => {
      if (socket === this.socket) this.lost();
    };
  }

  opened() {
    this.heard = Date.now();
    this.acked = this.next;
    // The window may have changed while the link was down.
    this.sendJson({ type: 'resize', ...this.size });
    for (const bytes of this.input) this.socket.send(bytes);
    this.input = [];
    this.inputBytes = 0;
    clearInterval(this.pinger);
    this.pinger = setInterval(() => {
      if (Date.now() - this.heard > SILENCE_IS_LOSS) this.socket.close();
      else this.sendJson({ type: 'ping' });
    }, PING_EVERY);
    this.say('open');
  }

  received(data) {
    this.heard = Date.now();
    const message = typeof data === 'string' ? JSON.parse(data) : null;
    // Only a connection to the terminal itself counts as a success: one that closes at once, or only says why there is
    // no terminal, backs off further.
    if (message?.type !== 'error') this.waits = 0;
    if (message) this.told(message);
    else this.output(new Uint8Array(data));
  }

  output(frame) {
    const position = Number(new DataView(frame.buffer, frame.byteOffset).getBigUint64(0));
    let bytes = frame.subarray(POSITION_BYTES);
    if (position > this.next) this.jump(position);
    // What has been shown already.
    if (position < this.next) bytes = bytes.subarray(this.next - position);
    if (bytes.length === 0) return;
    this.next += bytes.length;
    this.dispatchEvent(new CustomEvent('output', { detail: bytes }));
  }

  told(message) {
    if (message.type === 'hello') {
      // The server may have less than was asked for (a cut scrollback), or another terminal altogether (a new sandbox).
      if (message.from > this.next || message.end < this.next) this.jump(message.from);
    } else if (message.type === 'exit') {
      this.dispatchEvent(new CustomEvent('exit', { detail: { code: message.code } }));
    } else if (message.type === 'error') {
      this.dispatchEvent(new CustomEvent('problem', { detail: message }));
    }
  }

  jump(position) {
    const nothingShown = this.next === 0;
    this.next = position;
    this.acked = position;
    if (!nothingShown) this.dispatchEvent(new Event('gap'));
  }

  /** Tells the server how far the screen has come; it holds back more than 256 KiB of unread output. */
  shown(position) {
    if (!this.isOpen || (position - this.acked < ACK_EVERY && position !== this.next)) return;
    if (position <= this.acked) return;
    this.acked = position;
    this.sendJson({ type: 'ack', position });
  }

  lost() {
    clearInterval(this.pinger);
    if (!this.wanted) return;
    const wait = Math.min(FIRST_WAIT * 2 ** this.waits, LONGEST_WAIT) * (0.75 + Math.random() / 2);
    this.waits += 1;
    this.say('reconnecting', { seconds: Math.ceil(wait / 1000) });
    this.retry = setTimeout(() => this.connect(), wait);
  }

  /** The network or the person is back: try now rather than later. */
  hurry() {
    if (this.wanted && this.socket?.readyState === WebSocket.CLOSED) this.connect();
  }

  send(bytes) {
    if (this.isOpen) this.socket.send(bytes);
    else if (this.wanted && this.inputBytes + bytes.length <= KEPT_INPUT) {
      this.input.push(bytes);
      this.inputBytes += bytes.length;
    }
  }

  resize(cols, rows) {
    this.size = { cols, rows };
    if (this.isOpen) this.sendJson({ type: 'resize', cols, rows });
  }

  sendJson(message) {
    if (this.isOpen) this.socket.send(JSON.stringify(message));
  }
}
