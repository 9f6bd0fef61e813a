// The live log: lines are appended once each, in order, and the view follows the end unless the person scrolled up.

const MOST_LINES = 5000;
const NEAR_THE_END = 40;

export class Log {
  constructor({ onNews }) {
    this.root = document.getElementById('log');
    this.followButton = document.getElementById('log-follow');
    this.onNews = onNews;
    this.following = true;
    /** How far each job's log is shown: job → position. */
    this.last = new Map();
    for (const line of this.root.querySelectorAll('.line')) this.remember(line);
    this.root.addEventListener('htmx:sseBeforeMessage', (event) => {
      event.preventDefault();
      this.append(event.detail.data);
    });
    this.root.addEventListener('scroll', () => {
      this.following = this.root.scrollHeight - this.root.scrollTop - this.root.clientHeight < NEAR_THE_END;
      this.followButton.hidden = this.following;
    });
    this.followButton.addEventListener('click', () => {
      this.following = true;
      this.toEnd();
    });
    this.toEnd();
  }

  remember(line) {
    this.last.set(line.dataset.job, Number(line.dataset.position));
  }

  /** Whether a line or heading has not been shown yet. */
  isNew(element) {
    const { job, position } = element.dataset;
    const last = this.last.get(job);
    if (element.classList.contains('log-head')) return !this.root.querySelector(`.log-head[data-job="${CSS.escape(job)}"]`);
    return last === undefined || Number(position) > last;
  }

  append(html) {
    const template = document.createElement('template');
    template.innerHTML = html;
    const fresh = document.createDocumentFragment();
    for (const element of [...template.content.children]) {
      if (!this.isNew(element)) continue;
      if (element.classList.contains('line')) this.remember(element);
      fresh.append(element);
    }
    if (fresh.childElementCount === 0) return;
    this.root.append(fresh);
    for (let extra = this.root.childElementCount - MOST_LINES; extra > 0; extra -= 1) this.root.firstElementChild.remove();
    if (this.following) this.toEnd();
    this.onNews();
  }

  toEnd() {
    this.root.scrollTop = this.root.scrollHeight;
  }

  /** The log became visible: a hidden one has no scroll position. */
  revealed() {
    if (this.following) this.toEnd();
  }
}
