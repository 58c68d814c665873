// Files that belong to a message: plain data, and how the model reads them. No DOM here.

/** The text of a message as it is sent: each file between fences under its name, then what was typed. */
export function withAttachments({ content, attachments = [] }) {
  return [...attachments.map(fenced), content].filter((part) => part !== '').join('\n\n');
}

function fenced({ name, text }) {
  // One longer than any in the text, so that it ends where the file does.
  const longest = Math.max(2, ...[...text.matchAll(/`{3,}/g)].map((run) => run[0].length));
  const fence = '`'.repeat(longest + 1);
  return `${name}:\n\n${fence}\n${text.replace(/\n$/, '')}\n${fence}`;
}

/** Files of a stored message; the error says which is not one. */
export function readAttachments(value, where) {
  if (!Array.isArray(value)) throw new Error(`${where}.attachments is not a list`);
  return value.map((file, index) => {
    if (typeof file?.name !== 'string' || typeof file.text !== 'string') throw new Error(`${where}.attachments[${index}] is not a file`);
    return { name: file.name, text: file.text };
  });
}

/** Largest file that is taken: more than any model here reads at once. */
export const FILE_BYTES_MAX = 4 * 1024 * 1024;

/** Pasted text of at least so many characters becomes a file. */
export const PASTED_LENGTH_MIN = 4000;

const FORMATS = [
  ['%PDF-', 'is a PDF. Its text is not read here: copy what matters, and paste it'],
  ['PK\x03\x04', 'is an archive or an office document. Save it as text'],
  ['\x89PNG', 'is a picture. The models here read text'],
  ['\xff\xd8\xff', 'is a picture. The models here read text'],
  ['GIF8', 'is a picture. The models here read text'],
];

/** The text of a file's bytes, in UTF-8 or in UTF-16 with its mark; the error says what it is instead. */
export function textOf(name, bytes) {
  if (bytes.length > FILE_BYTES_MAX) throw new Error(`${name}: ${bytes.length} bytes, the limit is ${FILE_BYTES_MAX}`);
  const head = String.fromCharCode(...bytes.subarray(0, 8));
  const format = FORMATS.find(([magic]) => head.startsWith(magic));
  if (format) throw new Error(`${name} ${format[1]}.`);
  const label = head.startsWith('\xff\xfe') ? 'utf-16le' : head.startsWith('\xfe\xff') ? 'utf-16be' : 'utf-8';
  let text;
  try {
    text = new TextDecoder(label, { fatal: true }).decode(bytes);
  } catch {
    throw new Error(`${name} is not a text file in UTF-8.`);
  }
  if (text.includes('\0')) throw new Error(`${name} is not a text file.`);
  if (text.trim() === '') throw new Error(`${name} is empty.`);
  return text.replaceAll('\r\n', '\n');
}
