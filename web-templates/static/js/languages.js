// Which language a file is in, by its name.
import {
  LanguageSupport, StreamLanguage, css, dockerFile, go, html, javascript, json, markdown, properties, python, shell, toml, yaml,
} from '../vendor/codemirror/codemirror.mjs';

const stream = (mode) => () => new LanguageSupport(StreamLanguage.define(mode));

const BY_EXTENSION = {
  css, go, html, htm: html, json, md: markdown, py: python,
  yaml, yml: yaml,
  js: javascript, mjs: javascript, cjs: javascript,
  jsx: () => javascript({ jsx: true }), ts: () => javascript({ typescript: true }), tsx: () => javascript({ jsx: true, typescript: true }),
  sh: stream(shell), bash: stream(shell),
  toml: stream(toml), ini: stream(properties), cfg: stream(properties), conf: stream(properties), env: stream(properties),
  dockerfile: stream(dockerFile), containerfile: stream(dockerFile),
};

/** The CodeMirror language of a path, or nothing for plain text. */
export function languageOf(path) {
  const name = path.split('/').pop().toLowerCase();
  if (/^(dockerfile|containerfile)(\.|$)/.test(name)) return BY_EXTENSION.dockerfile();
  if (/^\.(dockerignore|gitignore|env(\..*)?)$/.test(name)) return BY_EXTENSION.conf();
  if (/^\.(bashrc|profile|bash_.*)$/.test(name)) return BY_EXTENSION.sh();
  const extension = name.includes('.') ? name.split('.').pop() : '';
  return Object.hasOwn(BY_EXTENSION, extension) ? BY_EXTENSION[extension]() : [];
}

/** Whether tabs are tabs in this kind of file. */
export function indentsWithTabs(path) {
  return /(^|\/)makefile$|\.go$|\.mk$/i.test(path);
}
