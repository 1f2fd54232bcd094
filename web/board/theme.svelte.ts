const KEY = 'board-theme';
export type Theme = 'dark' | 'light';
const chosen: { theme: Theme } = $state({ theme: localStorage.getItem(KEY) === 'light' ? 'light' : 'dark' });

/** Dark, until somebody asks for light in this browser. */
export const theme = (): Theme => chosen.theme;

/** Shows what was chosen. */
export function wear(): void {
  document.documentElement.dataset['theme'] = chosen.theme;
}

/** The other one. */
export function turnTheme(): void {
  chosen.theme = chosen.theme === 'dark' ? 'light' : 'dark';
  localStorage.setItem(KEY, chosen.theme);
  wear();
}
