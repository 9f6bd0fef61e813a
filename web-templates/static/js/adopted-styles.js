// Lets xterm.js and CodeMirror style themselves under `style-src 'self'`. Import this before either of them.
//
// Both write rules into <style> elements, and xterm.js sets `style` attributes for colours beyond the palette. A strict
// Content-Security-Policy blocks both, but allows the same through the CSSOM. So here a script that asks for a <style>
// element gets an inert one whose text goes into a constructed style sheet, and an attribute goes in by its property.

const { createElement } = document;
const { setAttribute } = Element.prototype;

document.createElement = function createElementWithinPolicy(name, options) {
  if (String(name).toLowerCase() !== 'style') return createElement.call(document, name, options);
  return inertStyle();
};

Element.prototype.setAttribute = function setAttributeWithinPolicy(name, value) {
  if (name === 'style' && this.style) this.style.cssText = value;
  else setAttribute.call(this, name, value);
};

function inertStyle() {
  const sheet = new CSSStyleSheet();
  const element = createElement.call(document, 'template');
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
