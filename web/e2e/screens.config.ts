import tests from './playwright.config.ts';

// make screenshots: no test, and no part of them.
export default { ...tests, testMatch: 'screens.ts' };
