// The address of a conversation: `#/c/ID`, which a link, a bookmark, a reload and the browser's way back find again.

export const addressOf = (id) => `#/c/${id}`;

/** The conversation that the address names; null for a new one, undefined if the address is of something else. */
export function idInAddress() {
  if (['', '#', '#/'].includes(location.hash)) return null;
  return location.hash.match(/^#\/c\/([\w-]{1,64})$/)?.[1];
}

/** Makes the address that of a conversation, or of none; in the place of the one before if `isSame` step of the way. */
export function setAddress(id, isSame = false) {
  if ((idInAddress() ?? null) === id) return;
  const address = id ? addressOf(id) : location.pathname + location.search;
  if (isSame) history.replaceState(null, '', address);
  else history.pushState(null, '', address);
}
