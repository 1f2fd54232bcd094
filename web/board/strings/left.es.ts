import type { Translation } from '../../ui/text.ts';
import type { leftEn } from './left.en.ts';

/** Lo que dejaron equipos borrados, y el aspecto del tablero. Awaiting native and practitioner review (R25). */
export const leftEs: Translation<typeof leftEn> = {
  'left.title': 'Lo que dejaron equipos borrados',
  'left.say': 'Lo que quedó sin respuesta antes de que un equipo se borrara está sellado en el servidor. No se dice de quién es; lo del personal aparece desde el día siguiente.',
  'left.offline': 'Sin conexión no se sabe.',
  'left.none': 'No queda nada.',
  'left.files': { one: 'Espera {n} archivo sellado.', other: 'Esperan {n} archivos sellados.' },
  'left.take': 'Aceptar lo que hay',
  'left.later': { one: '{n} todavía espera algo que no ha llegado. Su archivo se queda.', other: '{n} todavía esperan algo que no ha llegado. Su archivo se queda.' },
  'left.failed': 'No se aceptó nada: {why}',
  'theme.light': 'Claro',
  'theme.dark': 'Oscuro',
};
