// The server's answers, and its problems (application/problem+json) as an Error that a person can be shown.

export class Problem extends Error {
  /** @param {{status?: number, title?: string, detail?: string, mend?: string}} body */
  constructor(body) {
    super(body.detail || body.title || 'Something went wrong.');
    this.title = body.title || 'That did not work';
    this.detail = body.detail || '';
    this.mend = body.mend || '';
    this.status = body.status ?? 0;
    this.body = body;
  }
}

/** The problem in an answer's text, whatever the server or something in between sent. */
export function problemFrom(status, contentType, text) {
  if (/\bjson\b/.test(contentType ?? '')) {
    try {
      return new Problem({ ...JSON.parse(text), status });
    } catch {
      // Not JSON after all: fall through to the general words.
    }
  }
  if (status === 401) return new Problem({ status, title: 'You are signed out', mend: 'Sign in again in another tab, then go on here.' });
  return new Problem({ status, title: 'That did not work', detail: `The server answered with status ${status}.`, mend: 'Try again in a moment.' });
}

/** Waits before further tries of what may be sent twice: a network that blinks is nobody's business. */
const WAITS = [200, 600, 1500];
const MAY_BE_SENT_TWICE = ['GET', 'PUT'];

async function fetchPatiently(url, options) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await fetch(url, options);
    } catch (error) {
      if (tries >= WAITS.length || !MAY_BE_SENT_TWICE.includes(options.method)) throw error;
      await new Promise((resolve) => setTimeout(resolve, WAITS[tries]));
    }
  }
}

/** fetch with JSON in and out; throws a Problem on every failure, also when the server can't be reached. */
export async function requestJson(method, url, body) {
  let response;
  let text;
  try {
    response = await fetchPatiently(url, {
      method,
      credentials: 'same-origin',
      headers: { Accept: 'application/json', ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    text = await response.text();
  } catch {
    throw new Problem({ title: 'The server can’t be reached', detail: 'Nothing is lost: what you typed is kept in this browser.', mend: 'Look at your connection and try again.' });
  }
  if (!response.ok) throw problemFrom(response.status, response.headers.get('content-type'), text);
  return text === '' ? null : JSON.parse(text);
}
