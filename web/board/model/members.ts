import { t } from '../words.svelte.ts';
import type { Key } from '../strings/en.ts';

const words: Readonly<Record<string, Key>> = {
  title: 'draft.title', seen_by: 'draft.seenby', venue: 'draft.venue', label: 'draft.label', hint: 'draft.hint', read_aloud: 'draft.aloud', icon: 'draft.icon', weight: 'draft.weight',
  form: 'draft.form', noticed_by: 'draft.noticed', sources: 'draft.sources', relevant: 'draft.relevant', constraint: 'draft.constraint', required: 'draft.required',
};

/** A member of a form or a row in words: "read_aloud::es" is "Read aloud (es)". */
export function member(name: string): string {
  const [what = '', language] = name.split('::');
  const key = words[what];
  return (key ? t(key) : what) + (language ? ` (${language})` : '');
}
