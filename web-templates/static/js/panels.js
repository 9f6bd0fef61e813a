// Which panel a narrow screen shows, which result is in front, and how wide the columns are.

/** The switch at the foot of narrow screens. */
export class PanelSwitch {
  constructor(session, { onShow }) {
    this.session = session;
    this.onShow = onShow;
    this.buttons = [...document.querySelectorAll('[data-show-panel]')];
    for (const button of this.buttons) button.addEventListener('click', () => this.show(button.dataset.showPanel));
    this.mark();
  }

  show(panel) {
    this.session.dataset.panel = panel;
    this.mark();
    this.onShow(panel);
  }

  mark() {
    for (const button of this.buttons) button.setAttribute('aria-pressed', String(button.dataset.showPanel === this.session.dataset.panel));
  }
}

/** The tabs Log, Verdict and Timeline. */
export class ResultTabs {
  constructor({ onShow }) {
    this.onShow = onShow;
    this.list = document.querySelector('.result-tabs');
    this.tabs = [...this.list.querySelectorAll('[role="tab"]')];
    for (const tab of this.tabs) tab.addEventListener('click', () => this.show(nameOf(tab)));
    this.list.addEventListener('keydown', (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const place = this.tabs.indexOf(document.activeElement);
      const next = this.tabs[(place + step + this.tabs.length) % this.tabs.length];
      next.focus();
      this.show(nameOf(next));
    });
  }

  show(name) {
    for (const tab of this.tabs) {
      const chosen = nameOf(tab) === name;
      tab.setAttribute('aria-selected', String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      if (chosen) tab.classList.remove('news');
      document.getElementById(tab.getAttribute('aria-controls')).classList.toggle('current', chosen);
    }
    this.current = name;
    this.onShow(name);
  }

  /** Something new in a tab: a dot, if it is not in front. */
  news(name) {
    if (this.current !== name) document.getElementById(`tab-${name}`).classList.add('news');
  }
}

const nameOf = (tab) => tab.id.replace('tab-', '');

const KEPT = 'containrlab.panels';

/** The lines between panels, moved by pointer or arrow keys and kept for the next time. */
export function movableSplitters(session) {
  const kept = readKept();
  const limits = {
    left: { least: 200, most: () => session.clientWidth * 0.45, unit: 'px' },
    right: { least: 260, most: () => session.clientWidth * 0.5, unit: 'px' },
    text: { least: 10, most: () => 85, unit: '%' },
    editor: { least: 15, most: () => 85, unit: '%' },
  };
  const set = (name, value) => {
    const { least, most, unit } = limits[name];
    const size = Math.min(Math.max(value, least), most());
    session.style.setProperty(`--${name}`, `${size}${unit}`);
    kept[name] = size;
    localStorage.setItem(KEPT, JSON.stringify(kept));
  };
  for (const [name, value] of Object.entries(kept)) if (name in limits && Number.isFinite(value)) set(name, value);

  for (const splitter of document.querySelectorAll('[data-splits]')) {
    const name = splitter.dataset.splits;
    const at = (event) => {
      if (name === 'left') return event.clientX - session.getBoundingClientRect().left;
      if (name === 'right') return session.getBoundingClientRect().right - event.clientX;
      const column = splitter.parentElement.getBoundingClientRect();
      return ((event.clientY - column.top) / column.height) * 100;
    };
    splitter.addEventListener('pointerdown', (event) => {
      event.preventDefault();
      splitter.setPointerCapture(event.pointerId);
      splitter.classList.add('dragging');
    });
    splitter.addEventListener('pointermove', (event) => {
      if (splitter.classList.contains('dragging')) set(name, at(event));
    });
    for (const end of ['pointerup', 'pointercancel']) splitter.addEventListener(end, () => splitter.classList.remove('dragging'));
    splitter.addEventListener('dblclick', () => {
      session.style.removeProperty(`--${name}`);
      delete kept[name];
      localStorage.setItem(KEPT, JSON.stringify(kept));
    });
    splitter.addEventListener('keydown', (event) => {
      const steps = name === 'right' ? { ArrowLeft: 1, ArrowRight: -1 } : { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 };
      const step = steps[event.key];
      if (!step) return;
      event.preventDefault();
      const percent = limits[name].unit === '%';
      const panel = { left: '.column-left', right: '.column-right', text: '.panel-text', editor: '.panel-editor' }[name];
      const box = document.querySelector(panel).getBoundingClientRect();
      const now = percent ? (box.height / splitter.parentElement.clientHeight) * 100 : box.width;
      set(name, now + step * (percent ? 3 : 24));
    });
  }
}

function readKept() {
  try {
    return JSON.parse(localStorage.getItem(KEPT)) ?? {};
  } catch {
    return {};
  }
}
