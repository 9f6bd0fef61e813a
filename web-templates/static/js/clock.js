// The session's clock, counting down on the server's time.
import { toast } from './toast.js';

const WARN_BEFORE = 5 * 60_000;

export class Clock {
  constructor() {
    this.ends = null;
    this.ahead = 0;
    this.warned = null;
    setInterval(() => this.tick(), 1000);
  }

  /** Takes over what a fresh status says. */
  read(status) {
    this.ends = status.dataset.expires === '' ? null : Number(status.dataset.expires);
    this.ahead = Number(status.dataset.now) - Date.now();
    this.tick();
  }

  tick() {
    const face = document.querySelector('[data-clock]');
    if (!face || this.ends === null) return;
    const left = Math.max(0, this.ends - (Date.now() + this.ahead));
    const seconds = Math.ceil(left / 1000);
    const hours = Math.floor(seconds / 3600);
    const minutes = Math.floor(seconds / 60) % 60;
    const two = (number) => String(number).padStart(2, '0');
    face.textContent = hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
    const soon = left < WARN_BEFORE;
    face.closest('.clock').classList.toggle('clock-soon', soon);
    if (soon && left > 0 && this.warned !== this.ends) {
      this.warned = this.ends;
      const canExtend = document.getElementById('extend-button') !== null;
      toast({ title: `This session ends in ${Math.max(1, Math.round(left / 60_000))} min`, detail: canExtend ? 'Press Extend for more time. Your files are kept either way.' : 'Your files are kept; you can go on from them in a new session.' });
    }
  }
}
