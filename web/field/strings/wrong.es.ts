import type { Translation } from '../../ui/text.ts';
import type { wrongEn } from './wrong.en.ts';

/** Lo que sale mal, en palabras. Awaiting review (R25). */
export const wrongEs: Translation<typeof wrongEn> = {
  'fault.room': 'Lo último que tocó no se guardó: el teléfono está lleno.',
  'fault.room.do': 'Lo guardado antes está a salvo. Haga espacio en el teléfono y toque otra vez.',
  'fault.lost': 'La aplicación no alcanza sus notas en este teléfono.',
  'fault.lost.do': 'Lo guardado antes sigue aquí. Cierre la aplicación y ábrala otra vez. Si no basta, reinicie el teléfono.',
  'fault.revoked': 'Coordinación cerró la sesión de este teléfono.',
  'fault.revoked.do': 'Lo que esperaba se entregó para que coordinación lo vea. Lo que escriba ahora se guarda aquí. Para seguir, pida un código nuevo.',
  'fault.unknown': 'El servidor ya no conoce este teléfono.',
  'fault.unknown.do': 'Quizá volvió a una copia anterior. Todo lo que escribió está aquí. Pida un código nuevo a coordinación y escríbalo: lo que falte allá sube otra vez.',
  'fault.wiping': 'Coordinación pidió que este teléfono se borre.',
  'fault.wiping.do': 'Primero entrega todo lo que escribió. Antes de eso no se borra nada.',
  'fault.rewound': 'El servidor volvió a una copia anterior.',
  'fault.rewound.do': { one: 'Su {n} nota sube otra vez sola. Cuenta una vez.', other: 'Sus {n} notas suben otra vez solas. Cada una cuenta una vez.' },
  'fault.storage.far': 'Abra la aplicación cada pocos días, y cuando tenga señal.',
  'fault.storage.no': 'El navegador no lo prometió. Lo que escriba está a salvo cuando dice «recibido».',
  'fault.evicted.sum': '{there} recibidas: a salvo en el servidor. {lost} sin recibir: ya no están en este teléfono.',
  'fault.old.none': 'Todavía no la hay. Lo que escriba sube igual. Abra la aplicación más tarde.',
  'fault.code': 'Escribir un código nuevo',
  'fault.again': 'Probar otra vez',

  'home.kept': 'Se guarda en este teléfono. Vea arriba.',
  'note.kept': 'se guarda aquí',

  'gone.evicted': 'El navegador borró lo que había en este teléfono.',
  'gone.evicted.sum': '{there} recibidas: a salvo en el servidor. {lost} sin recibir: ya no están en este teléfono.',
  'gone.evicted.do': 'Pida un código nuevo a coordinación. Después ponga la aplicación en la pantalla de inicio para que se guarde.',
  'gone.wiped': 'Este teléfono se borró, como pidió coordinación.',
  'gone.wiped.do': 'Antes se entregó todo lo que tenía. Para usarlo otra vez, pida un código nuevo.',
  'lock.lost': 'La aplicación no alcanza lo que hay en este teléfono. Sigue ahí. Cierre la aplicación y ábrala otra vez.',
  'lock.newer': 'Aquí estuvo abierta una versión más nueva. Cierre todas sus ventanas y ábrala otra vez con señal.',
  'enrol.full': 'El teléfono está lleno. No se preparó nada. Haga espacio y pruebe otra vez.',
  'enrol.lost': 'Este navegador no puede guardar nada ahora. No se preparó nada. Salga del modo privado, o abra otra vez la aplicación.',

  'rejoin.title': 'Un código nuevo',
  'rejoin.say': 'Deja entrar otra vez a este teléfono. Su PIN y todo lo que escribió quedan como están.',
  'rejoin.done': 'Seguir',
  'rejoin.working': 'Preguntando al servidor',
  'rejoin.other': 'Ese código es para otra persona u otra función. Pida uno para usted. Todo se guarda aquí.',

  'ios.title': 'Primero póngala en la pantalla de inicio',
  'ios.why': 'En este navegador, lo que escriba puede borrarse a los 7 días. En la pantalla de inicio se queda.',
  'ios.1': 'Toque el botón de compartir del navegador.',
  'ios.2': 'Toque «Agregar a inicio».',
  'ios.3': 'Ábrala desde la pantalla de inicio.',
  'ios.code': 'Después escriba allí este código. No pasa solo.',
  'ios.copy': 'Copiar el código',
  'ios.copied': 'Copiado.',
  'ios.here': 'Seguir en el navegador',

  'pin.left': { one: 'Ese no es su PIN de ahora. No se cambió nada. Queda {n} intento.', other: 'Ese no es su PIN de ahora. No se cambió nada. Quedan {n} intentos.' },
  'pin.last': 'Ese no es su PIN de ahora. Queda 1 intento. Después se borra lo que hay en este teléfono. Antes, las notas en espera se guardan selladas.',
  'pin.failed': 'No se pudo guardar. Su PIN es el de antes.',
  'check.offline': 'El servidor no contestó. Se compara solo cuando haya señal.',

  'out.clear.one': 'Quitar el borrador {title}',
  'out.copy.failed': 'No se pudo hacer una copia. Lo que espera se guarda aquí.',
};
