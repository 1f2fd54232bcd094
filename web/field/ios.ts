// iOS keeps what a page writes only where the page stands on the home screen,
// and gives the home screen's app a store of its own. So that step comes before
// anything is set up. iPads call themselves Macs; a Mac has no touch screen.

/** Whether the app was opened from a home screen. */
export const standalone = (): boolean => matchMedia('(display-mode: standalone)').matches || (navigator as { standalone?: boolean }).standalone === true;

/** Whether this is a page in a browser of iOS, where nothing lasts. */
export const inIOSBrowser = (): boolean =>
  (/iPhone|iPad|iPod/.test(navigator.userAgent) || (/Macintosh/.test(navigator.userAgent) && navigator.maxTouchPoints > 1)) && !standalone();
