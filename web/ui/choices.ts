import type { IconName } from './icons.ts';

/** One thing that can be chosen: what is stored, what is read, and its picture. */
export interface Choice {
  value: string;
  label: string;
  icon?: IconName;
  /** A colour's dot, by the names of `.swatch-*`. */
  swatch?: string;
}
