// Unsaved text, kept in the browser until the server has it: a crash, a reload or an ended session loses nothing.

const STORE = 'drafts';
const KEEP_FOR = 14 * 86_400_000;

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('containrlab', 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

let opened;

async function run(mode, act) {
  try {
    opened ??= open();
    const database = await opened;
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = act(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request?.result);
      transaction.onerror = () => reject(transaction.error);
      transaction.onabort = () => reject(transaction.error);
    });
  } catch (error) {
    // Private windows may refuse the database: the editor then works without this net.
    console.warn('drafts are not kept', error);
    return undefined;
  }
}

const key = (session, path) => `${session}\n${path}`;

/** Keeps unsaved text, with the hash of the content that it was typed over (null for none). */
export function keepDraft({ session, lab }, path, text, base) {
  return run('readwrite', (store) => store.put({ text, base, lab, at: Date.now() }, key(session, path)));
}

/**
 * The draft of a file: `{text, base}`, or undefined. Where the session has none, one of an earlier session in the same
 * lab will do if it was typed over the very content that the file has now: the person started again from there.
 */
export async function draftOf({ session, lab }, path, hash) {
  const own = await run('readonly', (store) => store.get(key(session, path)));
  if (own) return own;
  const { keys, values } = await all();
  const earlier = values
    .map((value, index) => ({ ...value, key: keys[index] }))
    .filter((draft) => draft.lab === lab && draft.base === hash && draft.key.endsWith(`\n${path}`))
    .sort((one, other) => other.at - one.at)[0];
  if (earlier) run('readwrite', (store) => store.delete(earlier.key));
  return earlier;
}

async function all() {
  const keys = await run('readonly', (store) => store.getAllKeys());
  const values = await run('readonly', (store) => store.getAll());
  return keys?.length === values?.length ? { keys: keys ?? [], values: values ?? [] } : { keys: [], values: [] };
}

/** Forgets a draft, once the server has the text or the person gave it up. */
export function forgetDraft(session, path) {
  return run('readwrite', (store) => store.delete(key(session, path)));
}

/** Forgets drafts that nobody came back for. */
export function forgetOldDrafts() {
  return run('readwrite', (store) => {
    const cursor = store.openCursor();
    cursor.onsuccess = () => {
      const found = cursor.result;
      if (!found) return;
      if (Date.now() - found.value.at > KEEP_FOR) found.delete();
      found.continue();
    };
    return cursor;
  });
}
