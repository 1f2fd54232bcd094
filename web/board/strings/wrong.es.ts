import type { Translation } from '../../ui/text.ts';
import type { wrongEn } from './wrong.en.ts';

/** Lo que pasa con el almacén de este navegador, en palabras. Awaiting review (R25). */
export const wrongEs: Translation<typeof wrongEn> = {
  'enrol.full': 'Este equipo está lleno. No se preparó nada. Haga espacio y pruebe otra vez.',
  'enrol.lost': 'Este navegador no puede guardar nada ahora. No se preparó nada. Salga del modo privado, o abra otra vez la página.',
  'lock.lost': 'El tablero no alcanza lo guardado en este navegador. Sigue ahí. Cierre la página y ábrala otra vez.',
  'lock.newer': 'Aquí estuvo abierta una versión más nueva del tablero. Cierre todas sus páginas y ábralo otra vez.',
  'lock.again': 'Probar otra vez',
};
