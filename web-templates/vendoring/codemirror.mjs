// What the editor uses of CodeMirror, bundled by vendor.sh into static/vendor/codemirror/codemirror.mjs.
export { autocompletion, closeBrackets, closeBracketsKeymap } from '@codemirror/autocomplete';
export { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
export {
  HighlightStyle, LanguageSupport, StreamLanguage, bracketMatching, foldGutter, foldKeymap, indentOnInput, indentUnit,
  syntaxHighlighting,
} from '@codemirror/language';
export { highlightSelectionMatches, openSearchPanel, search, searchKeymap } from '@codemirror/search';
export { Compartment, EditorSelection, EditorState, StateEffect, StateField, Transaction } from '@codemirror/state';
export {
  Decoration, EditorView, crosshairCursor, drawSelection, dropCursor, highlightActiveLine, highlightActiveLineGutter,
  highlightSpecialChars, keymap, lineNumbers, rectangularSelection,
} from '@codemirror/view';
export { tags } from '@lezer/highlight';

export { css } from '@codemirror/lang-css';
export { go } from '@codemirror/lang-go';
export { html } from '@codemirror/lang-html';
export { javascript } from '@codemirror/lang-javascript';
export { json } from '@codemirror/lang-json';
export { markdown } from '@codemirror/lang-markdown';
export { python } from '@codemirror/lang-python';
export { yaml } from '@codemirror/lang-yaml';
export { dockerFile } from '@codemirror/legacy-modes/mode/dockerfile';
export { properties } from '@codemirror/legacy-modes/mode/properties';
export { shell } from '@codemirror/legacy-modes/mode/shell';
export { toml } from '@codemirror/legacy-modes/mode/toml';
