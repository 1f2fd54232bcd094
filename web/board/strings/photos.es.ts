import type { Translation } from '../../ui/text.ts';
import type { photosEn } from './photos.en.ts';

/** Fotos de lugares y vehículos. Awaiting review by native speakers and practitioners (R25). */
export const photosEs: Translation<typeof photosEn> = {
  'photos.title': 'Fotos',
  'photos.one': 'Foto {n}: {kind}',
  'photos.place': 'lugar',
  'photos.vehicle': 'vehículo',
  'photos.coming': 'Anunciada; todavía no llega.',
  'photos.here': 'Aquí desde {time}.',
  'photos.show': 'Ver la foto {n}',
  'photos.hide': 'Ocultar la foto {n}',
  'photos.missing': 'No se pudo traer: {why}',
  'photos.rule': 'Solo lugares y vehículos. Si en una sale una persona, sáquela.',
  'photos.out': 'Sacar la foto {n}',
  'photos.sure': '¿Para siempre? La imagen se va del servidor y de los teléfonos, y la auditoría guarda que usted lo hizo.',
  'photos.yes': 'Sacarla',
  'photos.no': 'Dejarla',
  'photos.gone': 'Se sacó.',
};
