import type { Translation } from '../../ui/text.ts';
import type { photosEn } from './photos.en.ts';

/** Fotos de lugares y vehículos. Awaiting review by native speakers and practitioners (R25). */
export const photosEs: Translation<typeof photosEn> = {
  'photo.title': 'Foto de un lugar o vehículo',
  'photo.no': 'Sin personas: ni a lo lejos, ni detrás de un vidrio, ni en un espejo. Espere a que no salga nadie.',
  'photo.anew': 'La aplicación vuelve a dibujar la foto. No va dónde, cuándo ni con qué se tomó.',
  'photo.place': 'Lugar',
  'photo.vehicle': 'Vehículo',
  'photo.take': 'Foto: {kind}',
  'photo.one': 'Foto {n}: {kind}',
  'photo.remove': 'Quitar la foto {n}',
  'photo.working': 'Se está dibujando de nuevo',
  'photo.kept': 'La foto {n} está guardada en este teléfono.',
  'photo.full': 'Queda poco espacio en este teléfono. No se toman más fotos.',
  'photo.bad': 'Este teléfono no puede leer esa imagen. No se guardó nada.',
  'photo.lost': 'La foto no se guardó: el teléfono está lleno. Su nota sigue como estaba.',
  'photo.count': { one: '{n} foto', other: '{n} fotos' },
  'photo.waiting': { one: '{n} foto en espera', other: '{n} fotos en espera' },
  'photo.part': 'foto {n} de {all}: ya está el {part} %',
  'photo.room': 'no hay espacio en el servidor. Sigue en este teléfono y se vuelve a intentar solo. Avise a coordinación.',
  'photo.attention': { one: '{n} foto necesita atención', other: '{n} fotos necesitan atención' },
  'photo.why.off': 'Su organización ya no acepta fotos.',
  'photo.why.gone': 'Se quitó la foto, o la nota a la que pertenece.',
  'photo.why.metadata': 'Lleva algo más que la imagen. Tómela otra vez con esta aplicación.',
  'photo.why.missing': 'La imagen ya no está en este teléfono: el navegador la borró.',
  'photo.why.other': 'El servidor no la aceptó. ({code})',
  'photo.safe': { one: 'La nota a la que pertenece no se detiene.', other: 'Las notas a las que pertenecen no se detienen.' },
  'photo.here': 'Sigue guardada en este teléfono.',
  'photo.again': 'Probar otra vez',
  'photo.drop': 'Quitarla',
};
