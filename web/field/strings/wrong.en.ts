import type { Text } from '../../ui/text.ts';

/** What goes wrong, in words: the fact, what became of what was saved, then what to do. */
export const wrongEn = {
  // Banners after unlock; the gravest that is true stands alone.
  'fault.room': 'The last tap is not saved: this phone is full.',
  'fault.room.do': 'What you saved before is safe. Make room on the phone, then tap again.',
  'fault.lost': 'The app cannot reach its notes on this phone.',
  'fault.lost.do': 'What you saved before is still here. Close the app and open it again. If that does not help, restart the phone.',
  'fault.revoked': 'A coordinator signed this phone out.',
  'fault.revoked.do': 'What waited was handed in for a coordinator to look at. What you write now is kept here. To go on, ask for a new code.',
  'fault.unknown': 'The server does not know this phone any more.',
  'fault.unknown.do': 'It may have been set back to an older copy. All you wrote is kept here. Ask a coordinator for a new code, and enter it: then what is missing there goes up again.',
  'fault.wiping': 'A coordinator asked this phone to wipe itself.',
  'fault.wiping.do': 'First it hands in all you wrote. Nothing is wiped before that.',
  'fault.rewound': 'The server was set back to an older copy.',
  'fault.rewound.do': { one: 'Your {n} note goes up again by itself. It is counted once.', other: 'Your {n} notes go up again by themselves. Each is counted once.' },
  'fault.storage.far': 'Open the app every few days, and when you have signal.',
  'fault.storage.no': 'The browser did not promise it. What you write is safe once it says “received”.',
  'fault.evicted.sum': '{there} received: safe on the server. {lost} not received: gone from this phone.',
  'fault.old.none': 'There is none yet. What you write goes up all the same. Open the app again later.',
  'fault.code': 'Enter a new code',
  'fault.again': 'Try again',

  // Home, when nothing goes by itself.
  'home.kept': 'Kept on this phone. See above.',
  'note.kept': 'kept here',

  // Before unlock: nothing names the subject.
  'gone.evicted': 'The browser cleared what was on this phone.',
  'gone.evicted.sum': '{there} received: safe on the server. {lost} not received: gone from this phone.',
  'gone.evicted.do': 'Ask a coordinator for a new code. Then put the app on the home screen, so that it is kept.',
  'gone.wiped': 'This phone was wiped, as a coordinator asked.',
  'gone.wiped.do': 'All that was on it was handed in first. To use it again, ask for a new code.',
  'lock.lost': 'The app cannot reach what is on this phone. It is still there. Close the app and open it again.',
  'lock.newer': 'A newer version of the app was open here. Close all its windows, then open it again with signal.',
  'enrol.full': 'This phone is full. Nothing was set up. Make room, then try again.',
  'enrol.lost': 'This browser cannot keep anything now. Nothing was set up. Leave private mode, or open the app again.',

  // The same vault, with a new code (after the server was set back).
  'rejoin.title': 'A new code',
  'rejoin.say': 'It lets this phone in again. Your PIN and all you wrote stay as they are.',
  'rejoin.done': 'Go on',
  'rejoin.working': 'Asking the server',
  'rejoin.other': 'That code is for another person or another role. Ask for one for you. Everything is kept here.',

  // iOS, before anything is set up.
  'ios.title': 'First put it on the home screen',
  'ios.why': 'In this browser, what you write can be cleared after 7 days. On the home screen it stays.',
  'ios.1': 'Tap the share button of the browser.',
  'ios.2': 'Tap “Add to Home Screen”.',
  'ios.3': 'Open it from the home screen.',
  'ios.code': 'Then enter this code there. It does not come along by itself.',
  'ios.copy': 'Copy the code',
  'ios.copied': 'Copied.',
  'ios.here': 'Go on in the browser',

  // Settings.
  'pin.left': { one: 'That is not your PIN now. Nothing was changed. {n} try left.', other: 'That is not your PIN now. Nothing was changed. {n} tries left.' },
  'pin.last': 'That is not your PIN now. 1 try left. After it, what is on this phone is wiped. Notes that wait are kept sealed first.',
  'pin.failed': 'It could not be saved. Your PIN is the one of before.',
  'check.offline': 'No answer from the server. It compares by itself when there is signal.',

  // Outbox.
  'out.clear.one': 'Clear the draft {title}',
  'out.copy.failed': 'No copy could be made. What waits is kept here.',
} as const satisfies Record<string, Text>;
