// The page's words. The Spanish awaits a native speaker's review.
const words = {
  en: {
    language: 'Español', title: 'Sign in', email: 'E-mail', password: 'Password', go: 'Go on', usePasskey: 'Use a passkey',
    with: 'Sign in with', second: 'Second step', code: 'Code of your authenticator app', recovery: 'Recovery code', useRecovery: 'Use a recovery code', useApp: 'Use the authenticator app',
    setTitle: 'Set up your sign-in', setHelp: 'With the code that you were given. It works once.', given: 'Your invite or link', newPassword: 'New password', passwordHelp: '12 characters or more. A sentence that only you know is best.', emailKept: 'Leave it empty if you had a sign-in before.',
    factorTitle: 'Choose the second step', factorHelp: 'It is asked for each time, so that a password alone opens nothing.', app: 'Authenticator app', appTitle: 'Add it to your authenticator app', appHelp: 'Take a picture of this with the app, or type the key into it. Then write the code that it shows.', key: 'Key', confirm: 'Confirm', passkey: 'Passkey',
    passkeyHelp: 'A passkey lives on this device or in your password manager, and opens with a fingerprint, a face or a PIN.', passkeyName: 'A name for it',
    codesTitle: 'Your recovery codes', codesHelp: 'Each opens once, when your phone is lost. They are shown now and never again. Write them down, and keep them apart from your phone.', codesDone: 'I have written them down', print: 'Print',
    home: 'Your sign-in', ways: 'Ways in', passkeys: 'Passkeys', none: 'None', since: 'since', left: 'recovery codes left', hasApp: 'Authenticator app is set up', sessions: 'Where you are signed in', here: 'here', end: 'End', endHelp: 'Devices that were enrolled from it are signed out too.', used: 'used', out: 'Sign out', board: 'Open the board',
    change: 'Change ways in', changeHelp: 'Say your password again.', changeTitle: 'What do you want to change?', newApp: 'New authenticator app', addPasskey: 'Add a passkey', newCodes: 'New recovery codes', changePassword: 'Other password', remove: 'Remove', back: 'Back', done: 'Done.', linked: 'Linked.', link: 'Link an account of',
    haveCode: 'I have an invite or a link', noServer: 'The server did not answer.', tryAgain: 'Try again.', passkeyFailed: 'The passkey was not used.', noPasskeys: 'There are no passkeys at this address.', method: { password: 'password', passkey: 'passkey', oauth2: 'linked account' },
  },
  es: {
    language: 'English', title: 'Entrar', email: 'Correo electrónico', password: 'Contraseña', go: 'Seguir', usePasskey: 'Usar una llave de acceso',
    with: 'Entrar con', second: 'Segundo paso', code: 'Código de su aplicación de códigos', recovery: 'Código de recuperación', useRecovery: 'Usar un código de recuperación', useApp: 'Usar la aplicación de códigos',
    setTitle: 'Prepare su entrada', setHelp: 'Con el código que le dieron. Sirve una vez.', given: 'Su invitación o enlace', newPassword: 'Contraseña nueva', passwordHelp: '12 caracteres o más. Lo mejor es una frase que solo usted conoce.', emailKept: 'Déjelo vacío si ya tenía una entrada.',
    factorTitle: 'Elija el segundo paso', factorHelp: 'Se pide cada vez, para que una contraseña sola no abra nada.', app: 'Aplicación de códigos', appTitle: 'Agréguela a su aplicación de códigos', appHelp: 'Tome una foto de esto con la aplicación, o escriba la clave en ella. Después escriba el código que muestra.', key: 'Clave', confirm: 'Confirmar', passkey: 'Llave de acceso',
    passkeyHelp: 'Una llave de acceso vive en este aparato o en su gestor de contraseñas, y se abre con la huella, la cara o un PIN.', passkeyName: 'Un nombre para ella',
    codesTitle: 'Sus códigos de recuperación', codesHelp: 'Cada uno abre una vez, si pierde el teléfono. Se muestran ahora y nunca más. Anótelos y guárdelos aparte del teléfono.', codesDone: 'Ya los anoté', print: 'Imprimir',
    home: 'Su entrada', ways: 'Formas de entrar', passkeys: 'Llaves de acceso', none: 'Ninguna', since: 'desde', left: 'códigos de recuperación quedan', hasApp: 'La aplicación de códigos está lista', sessions: 'Dónde tiene la sesión abierta', here: 'aquí', end: 'Cerrar', endHelp: 'También salen los aparatos que se inscribieron desde ella.', used: 'usada', out: 'Salir', board: 'Abrir el tablero',
    change: 'Cambiar formas de entrar', changeHelp: 'Escriba otra vez su contraseña.', changeTitle: '¿Qué quiere cambiar?', newApp: 'Otra aplicación de códigos', addPasskey: 'Agregar una llave de acceso', newCodes: 'Códigos de recuperación nuevos', changePassword: 'Otra contraseña', remove: 'Quitar', back: 'Volver', done: 'Listo.', linked: 'Enlazada.', link: 'Enlazar una cuenta de',
    haveCode: 'Tengo una invitación o un enlace', noServer: 'El servidor no respondió.', tryAgain: 'Intente otra vez.', passkeyFailed: 'La llave de acceso no se usó.', noPasskeys: 'En esta dirección no hay llaves de acceso.', method: { password: 'contraseña', passkey: 'llave de acceso', oauth2: 'cuenta enlazada' },
    // What the server says, in Spanish.
    said: {
      'That did not fit.': 'Eso no coincide.', 'Check the e-mail, the password and the code, and try again.': 'Revise el correo, la contraseña y el código, e intente otra vez.',
      'Too many wrong tries.': 'Demasiados intentos.', 'The code does not fit.': 'El código no coincide.', 'The passkey did not fit.': 'La llave de acceso no coincide.',
      'The invite is not known.': 'No se conoce esa invitación.', 'The invite has expired.': 'La invitación ya venció.', 'The invite was used up.': 'La invitación ya se usó.', 'The invite was ended.': 'La invitación se anuló.',
      'This invite is for a phone.': 'Esta invitación es para un teléfono.', 'The link is not known, or its time is over.': 'No se conoce el enlace, o ya venció.', 'Ask for a new link.': 'Pida un enlace nuevo.',
      'The password has fewer than 12 characters.': 'La contraseña tiene menos de 12 caracteres.', 'The password is too easy to guess.': 'La contraseña es demasiado fácil.', 'Take a sentence that only you know: four words or more.': 'Use una frase que solo usted conoce: cuatro palabras o más.',
      'The e-mail is not an address.': 'El correo no es una dirección.', "That e-mail can't be used here.": 'Ese correo no se puede usar aquí.', 'The session has ended.': 'La sesión terminó.', 'Sign in again.': 'Entre otra vez.', 'Begin the sign-in again.': 'Empiece otra vez.',
      'This step took too long, or the server was started again.': 'Este paso tardó demasiado, o el servidor se reinició.', 'That is the last second factor.': 'Es el último segundo paso.',
      'That account is not linked to anybody here.': 'Esa cuenta no está enlazada con nadie aquí.',
      'Check that the phone\'s time is right, and write the code that the app shows now.': 'Revise la hora del teléfono y escriba el código que la aplicación muestra ahora.',
      'Wait until the time is over, or use a passkey or a browser that you have signed in with before. Your coordinator or admin can help.': 'Espere a que pase el tiempo, o use una llave de acceso o un navegador con el que ya entró. Coordinación puede ayudarle.',
    },
  },
};

const KEY = 'language';
let locale = (localStorage.getItem(KEY) ?? navigator.language).startsWith('es') ? 'es' : 'en';

export const t = (name) => words[locale][name] ?? words.en[name];
export const said = (text) => words[locale].said?.[text] ?? text;
export const language = () => locale;
export function otherLanguage() {
  locale = locale === 'en' ? 'es' : 'en';
  localStorage.setItem(KEY, locale);
}
