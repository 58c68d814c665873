// Conversations by date. No DOM here.

const MONTH = new Intl.DateTimeFormat('en', { month: 'long', year: 'numeric' });

/** The midnight that began the day `daysBack` before the one of `now`, in this place's time. */
function midnight(now, daysBack) {
  const day = new Date(now);
  return new Date(day.getFullYear(), day.getMonth(), day.getDate() - daysBack).getTime();
}

function labelOf(summary, now) {
  if (summary.pinned) return 'Pinned';
  const { updated } = summary;
  if (updated >= midnight(now, 0)) return 'Today';
  if (updated >= midnight(now, 1)) return 'Yesterday';
  if (updated >= midnight(now, 7)) return 'Previous 7 days';
  if (updated >= midnight(now, 30)) return 'Previous 30 days';
  return MONTH.format(updated);
}

/** The newest first, as they come; the pinned ones in front: `{ label, items }` for each group. */
export function groupsOf(summaries, now) {
  const groups = new Map();
  for (const summary of summaries) {
    const label = labelOf(summary, now);
    if (!groups.has(label)) groups.set(label, { label, items: [] });
    groups.get(label).items.push(summary);
  }
  return [...groups.values()].sort((a, b) => (b.label === 'Pinned') - (a.label === 'Pinned'));
}
