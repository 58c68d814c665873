// Files that go out of the browser and come in.

import { byId, element } from './dom.js';
import { exportText, fileNameOf, IMPORT_BYTES_MAX, markdownOf, parseImport } from './files.js';
import { say } from './toast.js';

const LEFT_FOR_DOWNLOAD_MS = 10_000;

function download(text, type, name) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  element('a', { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), LEFT_FOR_DOWNLOAD_MS);
}

const counted = (n) => `${n} conversation${n === 1 ? '' : 's'}`;

/** One conversation, for people to read. */
export function saveMarkdown(conversation) {
  if (!conversation) return;
  download(markdownOf(conversation), 'text/markdown', fileNameOf(conversation));
  say(`Exported as ${fileNameOf(conversation)}`);
}

async function exportAll({ store, summaries }) {
  const conversations = (await Promise.all(summaries.map(({ id }) => store.load(id)))).filter(Boolean);
  download(exportText(conversations), 'application/json', `trinity-conversations-${new Date().toISOString().slice(0, 10)}.json`);
  say(`${counted(conversations.length)} exported`);
}

/** Connects the buttons; `imported(conversations)` is called when some have come in. */
export function bindFiles(keeper, imported) {
  byId('export').addEventListener('click', () => exportAll(keeper));
  byId('import').addEventListener('click', () => byId('import-file').click());
  byId('import-file').addEventListener('change', async (event) => {
    const [file] = event.target.files;
    event.target.value = '';
    if (!file) return;
    try {
      if (file.size > IMPORT_BYTES_MAX) throw new Error(`${file.size} bytes, the limit is ${IMPORT_BYTES_MAX}`);
      const conversations = parseImport(await file.text());
      for (const conversation of conversations) {
        const { messages, ...fields } = conversation;
        await keeper.save(conversation, { fields: Object.keys(fields), messages });
      }
      imported(conversations);
      say(`${counted(conversations.length)} imported`);
    } catch (error) {
      say(`${file.name}: ${error.message}`);
    }
  });
}
