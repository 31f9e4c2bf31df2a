// The words above the pagination; a site replaces them, or adds languages, in src/content/i18n/.
const KEYS = ['question', 'yes', 'no', 'thanks'].map((name) => `warroom.helpful.${name}`);
const WORDS = {
  en: ['Was this page helpful?', 'Yes', 'No', 'Thank you! The team reads every answer.'],
  de: ['War diese Seite hilfreich?', 'Ja', 'Nein', 'Danke! Das Team liest jede Antwort.'],
  es: ['¿Te ha sido útil esta página?', 'Sí', 'No', '¡Gracias! El equipo lee todas las respuestas.'],
  fr: ['Cette page vous a-t-elle été utile ?', 'Oui', 'Non', 'Merci ! L’équipe lit toutes les réponses.'],
  it: ['Questa pagina ti è stata utile?', 'Sì', 'No', 'Grazie! Il team legge ogni risposta.'],
  ja: ['このページは役に立ちましたか？', 'はい', 'いいえ', 'ありがとうございます。すべての回答に目を通しています。'],
  ko: ['이 페이지가 도움이 되었나요?', '예', '아니요', '감사합니다! 모든 답변을 읽습니다.'],
  nl: ['Was deze pagina nuttig?', 'Ja', 'Nee', 'Bedankt! Het team leest elk antwoord.'],
  pl: ['Czy ta strona była pomocna?', 'Tak', 'Nie', 'Dziękujemy! Zespół czyta każdą odpowiedź.'],
  'pt-BR': ['Esta página foi útil?', 'Sim', 'Não', 'Obrigado! A equipe lê todas as respostas.'],
  'zh-CN': ['这个页面对您有帮助吗？', '是', '否', '谢谢！团队会阅读每一条反馈。'],
};

export const TRANSLATIONS = Object.fromEntries(
  Object.entries(WORDS).map(([language, words]) => [language, Object.fromEntries(words.map((word, index) => [KEYS[index], word]))]),
);
