// Lets xterm.js and CodeMirror style themselves under `style-src 'self'`.
//
// Both write their rules into <style> elements, which a strict Content-Security-Policy blocks. Rules set through the
// CSSOM are allowed: so a script that asks for a <style> element gets an inert one whose text goes into a
// constructed style sheet of the document. Import this before either library.

const create = document.createElement;

document.createElement = function createElement(name, options) {
  if (String(name).toLowerCase() !== 'style') return create.call(document, name, options);
  return inertStyle();
};

function inertStyle() {
  const sheet = new CSSStyleSheet();
  const element = create.call(document, 'template');
  let text = '';
  Object.defineProperty(element, 'textContent', {
    get: () => text,
    set: (value) => {
      text = String(value);
      sheet.replaceSync(text);
    },
  });
  element.remove = () => {
    Element.prototype.remove.call(element);
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((each) => each !== sheet);
  };
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  return element;
}
