// CodeMirror as this page uses it: keys, colours, one state per document.
import {
  Compartment, EditorState, EditorView, HighlightStyle, Transaction, bracketMatching, closeBrackets, closeBracketsKeymap,
  defaultKeymap, drawSelection, foldGutter, foldKeymap, highlightActiveLine, highlightActiveLineGutter,
  highlightSelectionMatches, highlightSpecialChars, history, historyKeymap, indentOnInput, indentUnit, indentWithTab,
  keymap, lineNumbers, search, searchKeymap, syntaxHighlighting, tags,
} from '../vendor/codemirror/codemirror.mjs';
import { indentsWithTabs, languageOf } from './languages.js';

// Colours are the page's own variables, so that light and dark need no second theme.
const theme = EditorView.theme({
  '&': { backgroundColor: 'var(--surface)', color: 'var(--ink)', fontSize: '0.84375rem' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.55' },
  '.cm-gutters': { backgroundColor: 'var(--surface)', color: 'var(--muted)', border: 'none', paddingRight: '2px' },
  '.cm-lineNumbers .cm-gutterElement': { padding: '0 4px 0 14px' },
  '.cm-content': { caretColor: 'var(--ink)', padding: '8px 0' },
  '.cm-cursor, .cm-dropCursor': { borderLeftColor: 'var(--ink)' },
  '.cm-activeLine': { backgroundColor: 'color-mix(in srgb, var(--accent) 6%, transparent)' },
  '.cm-activeLineGutter': { backgroundColor: 'color-mix(in srgb, var(--accent) 6%, transparent)', color: 'var(--ink)' },
  '.cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground': {
    backgroundColor: 'color-mix(in srgb, var(--accent) 26%, transparent)',
  },
  '.cm-selectionMatch': { backgroundColor: 'color-mix(in srgb, var(--warn) 22%, transparent)' },
  '.cm-matchingBracket': { backgroundColor: 'color-mix(in srgb, var(--good) 24%, transparent)' },
  '.cm-panels': { backgroundColor: 'var(--sunken)', color: 'var(--ink)', borderColor: 'var(--line)' },
  '.cm-textfield': { backgroundColor: 'var(--surface)', border: '1px solid var(--line-strong)', borderRadius: '5px', fontSize: '0.8125rem' },
  '.cm-button': { backgroundImage: 'none', backgroundColor: 'var(--surface)', border: '1px solid var(--line-strong)', borderRadius: '5px' },
  '.cm-searchMatch': { backgroundColor: 'color-mix(in srgb, var(--warn) 35%, transparent)' },
  '.cm-foldPlaceholder': { backgroundColor: 'var(--sunken)', border: '1px solid var(--line)', color: 'var(--muted)' },
});

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.controlKeyword, tags.moduleKeyword, tags.definitionKeyword], color: 'var(--accent)', fontWeight: '600' },
  { tag: [tags.string, tags.special(tags.string), tags.regexp], color: 'var(--good)' },
  { tag: [tags.comment, tags.meta], color: 'var(--muted)', fontStyle: 'italic' },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], color: 'var(--warn)' },
  { tag: [tags.propertyName, tags.attributeName, tags.definition(tags.propertyName)], color: 'var(--accent)' },
  { tag: [tags.function(tags.variableName), tags.function(tags.propertyName), tags.className, tags.tagName], color: 'var(--bad)' },
  { tag: tags.heading, fontWeight: '700' },
  { tag: tags.strong, fontWeight: '700' },
  { tag: tags.emphasis, fontStyle: 'italic' },
  { tag: [tags.link, tags.url], color: 'var(--accent)', textDecoration: 'underline' },
  { tag: tags.invalid, color: 'var(--bad)' },
]);

const readOnly = new Compartment();
const readOnlyExtension = (on) => [EditorState.readOnly.of(on), EditorView.editable.of(!on)];

/** One editor that shows one document at a time. */
export class CodeView {
  /** @param onChange called after each change the person made; @param onSave on Ctrl-S. */
  constructor(host, { onChange, onSave, onBlur }) {
    this.isReadOnly = false;
    this.changed = EditorView.updateListener.of((update) => {
      if (!update.docChanged) return;
      if (update.transactions.every((each) => each.annotation(Transaction.remote))) return;
      onChange();
    });
    this.keys = keymap.of([
      { key: 'Mod-s', preventDefault: true, run: () => { onSave(); return true; } },
      // Tab indents; Escape first lets Tab leave the editor, for those who move by keyboard.
      indentWithTab,
      ...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap,
    ]);
    this.blur = EditorView.domEventHandlers({ blur: () => { onBlur(); } });
    this.view = new EditorView({ parent: host });
  }

  /** A document's state: text, undo history, place. */
  newState(path, text) {
    return EditorState.create({
      doc: text,
      extensions: [
        lineNumbers(), foldGutter(), highlightSpecialChars(), history(), drawSelection(), indentOnInput(), bracketMatching(),
        closeBrackets(), highlightActiveLine(), highlightActiveLineGutter(), highlightSelectionMatches(), search({ top: true }),
        syntaxHighlighting(colours), theme, languageOf(path), this.keys, this.changed, this.blur,
        readOnly.of(readOnlyExtension(this.isReadOnly)),
        indentUnit.of(indentsWithTabs(path) ? '\t' : /\.(py|go|rs)$/.test(path) ? '    ' : '  '),
        // Named outright, so that the text comes out exactly as it went in, be its line ends \n, \r\n or mixed.
        EditorState.lineSeparator.of(text.includes('\r\n') ? '\r\n' : '\n'),
        EditorView.contentAttributes.of({ 'aria-label': `Content of ${path}` }),
      ],
    });
  }

  get state() {
    return this.view.state;
  }

  show(state, scrollTop = 0) {
    this.view.setState(state);
    this.setReadOnly(this.isReadOnly);
    this.view.scrollDOM.scrollTop = scrollTop;
  }

  get scrollTop() {
    return this.view.scrollDOM.scrollTop;
  }

  /** Replaces the text of the shown document as far as it differs, keeping the cursor and the undo history. */
  replaceText(text) {
    this.view.dispatch(replacement(this.view.state, text));
  }

  goToLine(number) {
    const { doc } = this.view.state;
    const line = doc.line(Math.min(Math.max(number, 1), doc.lines));
    this.view.dispatch({ selection: { anchor: line.from, head: line.to }, effects: EditorView.scrollIntoView(line.from, { y: 'center' }) });
    this.view.focus();
  }

  focus() {
    this.view.focus();
  }

  setReadOnly(on) {
    this.isReadOnly = on;
    this.view.dispatch({ effects: readOnly.reconfigure(readOnlyExtension(on)) });
  }
}

/** The text of a state, with the file's own line ends. */
export function textOf(state) {
  return state.sliceDoc();
}

/** A transaction that turns a state's text into another, changing only the middle that differs. */
export function replacement(state, text) {
  const old = state.sliceDoc();
  let start = 0;
  while (start < old.length && start < text.length && old[start] === text[start]) start += 1;
  let tail = 0;
  while (tail < old.length - start && tail < text.length - start && old[old.length - 1 - tail] === text[text.length - 1 - tail]) tail += 1;
  // With \r\n as separator, positions count a line end as one: replace the whole text then.
  const whole = old.length !== state.doc.length;
  const change = whole
    ? { from: 0, to: state.doc.length, insert: state.toText(text) }
    : { from: start, to: old.length - tail, insert: state.toText(text.slice(start, text.length - tail)) };
  return { changes: change, annotations: Transaction.remote.of(true) };
}
