// Building nodes. Nothing on this page parses markup at run time: text only ever becomes text nodes.

/** An element; attributes that are functions become event listeners, booleans are set or left out. */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  // Before the attributes: Chromium works dir="auto" out anew for each child that is added later.
  node.append(...children.filter((child) => child !== null && child !== undefined));
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') node.addEventListener(name, value);
    else if (value === true) node.setAttribute(name, '');
    else if (value !== false && value !== undefined && value !== null) node.setAttribute(name, value);
  }
  return node;
}

/** One of the symbols that index.html defines. */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `#icon-${name}`);
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  svg.append(use);
  return svg;
}

/** A button that shows a symbol and is called `label`. */
export function iconButton(name, label, click, more = {}) {
  return element('button', { type: 'button', class: 'icon-button', 'aria-label': label, title: label, click, ...more }, icon(name));
}

export const byId = (id) => document.getElementById(id);

/** Puts text on the clipboard, also where the page is not served over HTTPS or from this machine. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = element('textarea', { class: 'visually-hidden' });
    area.value = text;
    const focused = document.activeElement;
    (document.querySelector('dialog[open]') ?? document.body).append(area);
    area.select();
    const isCopied = document.execCommand('copy');
    area.remove();
    focused?.focus();
    if (!isCopied) throw new Error('the browser did not allow copying');
  }
}
