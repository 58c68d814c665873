// Small things the browser remembers. Where it may not, they last as long as the page.

const memory = new Map();

function slot(storageName, name) {
  const key = `trinity.${name}`;
  return {
    get() {
      try {
        return window[storageName].getItem(key);
      } catch {
        return memory.get(key) ?? null;
      }
    },
    set(value) {
      try {
        if (value === null) window[storageName].removeItem(key);
        else window[storageName].setItem(key, value);
      } catch {
        if (value === null) memory.delete(key);
        else memory.set(key, value);
      }
    },
  };
}

/** The key is gone when the tab is closed. */
export const apiKey = slot('sessionStorage', 'api-key');
export const theme = slot('localStorage', 'theme');
export const lastModel = slot('localStorage', 'model');
export const lastConversation = slot('sessionStorage', 'conversation');
export const settingsText = slot('localStorage', 'settings');
export const presetsText = slot('localStorage', 'presets');
export const noSingleKeys = slot('localStorage', 'no-single-keys');
export const drafts = slot('localStorage', 'drafts');
export const newDraft = slot('sessionStorage', 'draft');
