import type { Translation } from '../../ui/text.ts';
import type { whereEn } from './where.en.ts';

/** Dónde fue, y de qué trabajo conjunto. Awaiting review by native speakers and practitioners (R25). */
export const whereEs: Translation<typeof whereEn> = {
  'where.here': 'Cerca de donde estoy',
  'where.here.say': 'Va un cuadro de unos 5 km de lado, no el lugar exacto.',
  'where.looking': 'Buscando dónde está usted',
  'where.done': 'Guardado: cuadro {cell}, de unos 5 km de lado.',
  'where.denied': 'Este teléfono no deja que la aplicación sepa dónde está. Elija un lugar, o ninguno.',
  'where.lost': 'El teléfono no pudo encontrar dónde está. Elija un lugar, o ninguno.',
  'where.exact': 'Agregar el lugar exacto a esta nota',
  'where.exact.say': 'El punto donde usted está va solo con esta nota. Coordinación lo ve en su mapa, y puede salir en un aviso o en una exportación.',
  'where.exact.goes': 'Va el lugar exacto: {point}',
  'effort': 'Trabajo conjunto',
};
