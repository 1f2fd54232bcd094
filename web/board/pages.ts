import type { Component } from 'svelte';
import type { IconName } from '../ui/icons.ts';
import type { Page } from './state.svelte.ts';

type Fetch = () => Promise<{ default: Component }>;

// Pages that are fetched when somebody opens them: the queue does not wait for them.
const pages: readonly { page: 'efforts' | 'sites' | 'checklists' | 'rules' | 'hotlines'; icon: IconName; fetch: Fetch }[] = [
  { page: 'efforts', icon: 'calendar', fetch: () => import('./screens/Efforts.svelte') },
  { page: 'sites', icon: 'site', fetch: () => import('./screens/Sites.svelte') },
  { page: 'checklists', icon: 'list', fetch: () => import('./screens/Checklists.svelte') },
  { page: 'rules', icon: 'filter', fetch: () => import('./screens/Rules.svelte') },
  { page: 'hotlines', icon: 'phone', fetch: () => import('./screens/Hotlines.svelte') },
];
const mayWrite = (role: string): boolean => role === 'coordinator' || role === 'admin';

/** What a role sees of them in the navigation; the server holds to the same. */
export const shown = (role: string) => (mayWrite(role) ? pages.map(({ page, icon }) => ({ page, icon, n: 0 })) : []);

/** How a page is fetched; undefined for one that is there already, and for whom it is not. */
export const fetched = (page: Page, role: string): Fetch | undefined => (mayWrite(role) ? pages.find((p) => p.page === page)?.fetch : undefined);
